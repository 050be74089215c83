"""Who takes over repeats nothing that a commit says has ended, and posts nothing that was overtaken."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.delivery.bitmaps import decode
from streams.delivery.dispatch import Dispatch
from streams.delivery.tools import Tools
from streams.delivery.windows import Window
from streams.ends import ExportEnd
from streams.exports import Export
from streams.outcomes import Delivered, Outcome, Refused
from tests.deliverables import TOPIC, ARecord, RecordingTelemetry, a_destination, a_record, the_tools
from tests.waiting import until

P0 = TopicPartition(TOPIC, 0)


def a_dispatch(tools: Tools, window: Window) -> Dispatch:
    def fail(error: BaseException) -> None:
        raise AssertionError("a defect in the dispatch") from error

    return Dispatch(tools, {P0: window}, defect=fail)


class Endpoint:
    """Takes what it is told to take; while it is shut it answers nobody but those of the open keys."""

    def __init__(self, refused: set[int]) -> None:
        self.refused, self.posted = refused, list[tuple[bytes, int, int]]()
        self.open: set[bytes] | None = None
        self.opened = asyncio.Event()

    async def __call__(self, export: Export) -> Outcome:
        await asyncio.sleep(0)
        if self.open is not None and export.key not in self.open:
            await self.opened.wait()
        self.posted.append((export.key, export.offset, export.meta.revision))
        return Refused("status-400", 400) if export.offset in self.refused else Delivered(204)


KEYS = [b"a", b"b", b"c", b"d"]
EXPORTS = st.lists(st.tuples(st.sampled_from(KEYS), st.booleans(), st.booleans()), min_size=1, max_size=40)
"""Each with its profile, whether it is a replay of an older revision, and whether the endpoint refuses it."""


@settings(max_examples=150, deadline=None)
@given(EXPORTS, st.sets(st.sampled_from(KEYS)), st.integers(1, 4))
def test_a_takeover_repeats_nothing_that_ended_and_turns_no_profile_back(
    exports: list[tuple[bytes, bool, bool]], answered: set[bytes], in_flight: int
) -> None:
    """The first member is killed right after a commit, while the endpoint answers for some profiles only."""
    records: list[ARecord] = []
    for offset, (key, is_replay, _) in enumerate(exports):
        records.append(a_record(offset, key, revision=offset // 2 if is_replay else offset))
    refused = {offset for offset, (_, _, is_refused) in enumerate(exports) if is_refused}

    async def run() -> None:
        endpoint, telemetry = Endpoint(refused), RecordingTelemetry()
        endpoint.open = answered
        destination = a_destination(max_in_flight=in_flight)
        first = a_dispatch(the_tools(endpoint, telemetry=telemetry, destination=destination), Window())
        first.accept(P0, records)
        for _ in range(60):
            await asyncio.sleep(0)
        mark = first.backlog.windows[P0].due
        assert mark is not None
        ended = {id_ for id_, _, _ in telemetry.ends}
        await first.release()

        posted_before, endpoint.open = len(endpoint.posted), None
        heir = the_tools(endpoint, telemetry=RecordingTelemetry(), destination=destination)
        second = a_dispatch(heir, Window(decode(mark.metadata, mark.offset)))
        second.accept(P0, records[mark.offset :])
        await until(lambda: second.backlog.pending == 0, what="all ends")
        await second.release()
        posted_after = endpoint.posted[posted_before:]

        assert not {f"id-0-{offset}" for _, offset, _ in posted_after} & ended, "it had ended, and that was committed"
        assert heir.books.fetched == heir.books.ended == len(records) - mark.offset - heir.books.skipped
        assert (second.backlog.windows[P0].position or mark.offset) == len(records)
        assert (second.backlog.windows[P0].due or mark).metadata == ""
        newest: dict[bytes, int] = defaultdict(lambda: -1)
        for key, offset, revision in endpoint.posted:
            if offset >= mark.offset:
                assert revision >= newest[key], "an older revision follows a newer one that was delivered"
            if offset not in refused and offset >= mark.offset:
                newest[key] = max(newest[key], revision)

    asyncio.run(run())


async def test_a_replay_behind_a_finished_newer_export_is_overtaken_by_the_next_member_too() -> None:
    endpoint, telemetry = Endpoint(set()), RecordingTelemetry()
    endpoint.open = {b"p"}
    records = [
        a_record(0, b"stuck"),
        a_record(1, b"p", revision=7),
        a_record(2, b"other"),
        a_record(3, b"p", revision=6),
    ]
    first = a_dispatch(the_tools(endpoint, destination=a_destination(max_in_flight=2)), Window())
    first.accept(P0, records)
    await until(lambda: [offset for _, offset, _ in endpoint.posted] == [1], what="the newer export")
    mark = first.backlog.windows[P0].due
    assert mark is not None
    await first.release()

    endpoint.open = None
    second = a_dispatch(the_tools(endpoint, telemetry=telemetry), Window(decode(mark.metadata, mark.offset)))
    second.accept(P0, [*records, a_record(3, b"p", revision=6)])
    await until(lambda: second.backlog.pending == 0, what="all ends")
    await second.release()

    assert sorted(offset for _, offset, _ in endpoint.posted) == [0, 1, 2]
    assert telemetry.counts == {ExportEnd.DELIVERED: 2, ExportEnd.OVERTAKEN: 1}


async def test_a_bitmap_of_other_records_is_ignored_and_everything_is_posted() -> None:
    window = Window()
    for offset in range(4):
        window.fetched(offset, 1)  # another timestamp than that of the records that are there now
    for offset in (1, 2, 3):
        window.finished(offset)
    mark = window.due
    assert mark is not None
    endpoint = Endpoint(set())
    tools = the_tools(endpoint)
    dispatch = a_dispatch(tools, Window(decode(mark.metadata, mark.offset)))
    dispatch.accept(P0, [a_record(offset, b"p%d" % offset) for offset in range(4)])
    await until(lambda: dispatch.backlog.pending == 0, what="all ends")
    await dispatch.release()

    assert sorted(offset for _, offset, _ in endpoint.posted) == [0, 1, 2, 3]
    assert tools.books.skipped == 0
