"""``supersede: true``: what waits is replaced by a newer export of its profile, and nothing is lost by that."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.delivery.bitmaps import decode
from streams.delivery.dispatch import Dispatch
from streams.delivery.replacing import replaces
from streams.delivery.tools import Tools
from streams.delivery.windows import Window
from streams.destinations import Retry
from streams.ends import ExportEnd, Reason
from streams.exports import Export, Meta
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable
from tests.deliverables import TOPIC, ARecord, Parked, RecordingTelemetry, a_destination, a_record, the_tools
from tests.virtual_time import in_virtual_time
from tests.waiting import until

P0 = TopicPartition(TOPIC, 0)


def a_body(memberships: dict[str, str], identities: tuple[str, ...] = ("c",), **attributes: Any) -> bytes:
    segments = {
        name: {"status": status, "lastQualificationTime": "2026-01-01T00:00:00Z"}
        for name, status in memberships.items()
    }
    body = {**attributes, "segmentMembership": {"ups": segments} if segments else {}}
    return json.dumps({**body, "identityMap": {"crm": [{"id": each} for each in identities]}}).encode()


INSIDE = a_body({"gold": "realized"}, age=1)


def an_export(body: bytes = INSIDE, revision: int = 1, trigger: str = "attribute", version: int = 1) -> Export:
    meta = Meta(version=version, revision=revision, trigger=trigger, source="profiles-0-0")
    return Export(TOPIC, 0, revision, 0, b"p", body, f"id-{revision}", meta)


SUPERSEDING = a_destination(supersede=True)


@pytest.mark.parametrize(
    ("older", "newer", "is_replaced"),
    [
        (an_export(), an_export(revision=2), True),
        (an_export(), an_export(), True),
        (an_export(revision=2), an_export(), False),
        (an_export(a_body({"gold": "exited"})), an_export(a_body({"gold": "realized", "silver": "exited"})), True),
        (an_export(a_body({"gold": "realized"})), an_export(a_body({"gold": "exited"}), trigger="forgotten"), True),
        (an_export(a_body({"gold": "exited"}), trigger="forgotten"), an_export(revision=2), False),
        (an_export(a_body({"gold": "realized", "silver": "exited"})), an_export(revision=2), False),
        (an_export(a_body({"gold": "realized"}, ("c", "d"))), an_export(revision=2), False),
        (an_export(a_body({"gold": "realized"}, ())), an_export(revision=2), True),
        (an_export(version=0), an_export(revision=2), False),
        (an_export(), an_export(revision=2, version=0), False),
        (an_export(), an_export(revision=2, version=2), False),
        (an_export(b"{}"), an_export(b"[]", revision=2), False),
        (an_export(b'{"segmentMembership": 1}'), an_export(revision=2), False),
        (an_export(b"{}"), an_export(b"{}", revision=2), True),
    ],
)
def test_only_what_says_all_of_it_replaces_an_older_export(older: Export, newer: Export, is_replaced: bool) -> None:
    assert replaces(newer, older, SUPERSEDING) is is_replaced


class Door:
    """An endpoint that answers as told; while it is shut nobody gets an answer."""

    def __init__(self, *answers: Outcome) -> None:
        self.answers = list(answers)
        self.posted: list[int] = []
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, export: Export) -> Outcome:
        self.posted.append(export.offset)
        await self.open.wait()
        return self.answers.pop(0) if self.answers else Delivered(204)


def fail(error: BaseException) -> None:
    raise AssertionError("a defect in the dispatch") from error


def a_dispatch(tools: Tools, window: Window | None = None) -> Dispatch:
    return Dispatch(tools, {P0: window or Window()}, defect=fail)


def commit(dispatch: Dispatch) -> None:
    """Commit what is due, as a broker that takes it."""
    for window in dispatch.backlog.windows.values():
        if (mark := window.due) is not None:
            window.committed(mark)
    dispatch.committed()


async def settled() -> None:
    """Let all happen that can without time."""
    for _ in range(20):
        await asyncio.sleep(0)


def an_arrival(offset: int, *, timestamp: int = 0, body: bytes = INSIDE, **meta: Any) -> ARecord:
    record = a_record(offset, **meta)
    record.timestamp, record.value = timestamp, body
    return record


async def test_what_waits_behind_a_request_is_replaced_and_the_request_never_is() -> None:
    door, telemetry = Door(), RecordingTelemetry()
    tools = the_tools(door, telemetry=telemetry, destination=SUPERSEDING)
    dispatch = a_dispatch(tools)
    door.open.clear()
    dispatch.accept(P0, [an_arrival(0)])
    await settled()
    for offset in (1, 2, 3):
        dispatch.accept(P0, [an_arrival(offset)])
    assert dispatch.backlog.pending == 2
    assert (tools.books.fetched, tools.books.ended) == (4, 2)
    assert tools.shared.pending_bytes == dispatch.backlog.pending_bytes == 2 * (2 + len(INSIDE))

    door.open.set()
    await settled()
    commit(dispatch)
    await until(lambda: dispatch.backlog.pending == 0)
    await dispatch.release()

    assert door.posted == [0, 3]
    assert telemetry.counts == {ExportEnd.DELIVERED: 2, ExportEnd.SUPERSEDED: 2}
    assert [id_ for id_, end, _ in telemetry.ends if end is ExportEnd.SUPERSEDED] == ["id-0-1", "id-0-2"]
    assert dispatch.backlog.windows[P0].position == 4
    assert tools.shared.pending_bytes == 0


async def test_without_it_each_export_goes_out_in_turn() -> None:
    door = Door(Retryable("status-503", 503))
    dispatch = a_dispatch(the_tools(door))
    dispatch.accept(P0, [an_arrival(offset) for offset in range(3)])
    await until(lambda: dispatch.backlog.pending == 0)
    await dispatch.release()

    assert door.posted == [0, 0, 1, 2]


@pytest.mark.parametrize("outcome", [Retryable("status-503", 503), DestinationFault("unauthorized", 401)])
async def test_what_failed_is_replaced_by_what_came_meanwhile(outcome: Outcome) -> None:
    door, telemetry = Door(outcome), RecordingTelemetry()
    tools = the_tools(door, telemetry=telemetry, destination=SUPERSEDING, pause=lambda *_: 0.001)
    dispatch = a_dispatch(tools)
    door.open.clear()
    dispatch.accept(P0, [an_arrival(0)])
    await settled()
    dispatch.accept(P0, [an_arrival(1)])
    door.open.set()
    await until(lambda: tools.books.ended == 1, what="the first to be replaced")
    commit(dispatch)
    await until(lambda: dispatch.backlog.pending == 0)
    await dispatch.release()

    assert door.posted == [0, 1]
    assert telemetry.ends == [("id-0-0", ExportEnd.SUPERSEDED, None), ("id-0-1", ExportEnd.DELIVERED, None)]


async def test_the_oldest_age_is_inherited() -> None:
    dispatch = a_dispatch(the_tools(Door(Retryable("status-503", 503)), destination=SUPERSEDING, pause=lambda *_: 60.0))
    dispatch.accept(P0, [an_arrival(0, timestamp=100)])
    await settled()
    dispatch.accept(P0, [an_arrival(1, timestamp=400, key=b"other"), an_arrival(2, timestamp=500)])
    assert dispatch.backlog.windows[P0].oldest == 1
    assert dispatch.backlog.oldest_timestamp == 100

    dispatch.accept(P0, [an_arrival(3, timestamp=900)])
    assert dispatch.backlog.oldest_timestamp == 100
    await dispatch.release()


def test_a_profile_that_changes_all_the_time_exhausts_all_the_same() -> None:
    """It inherits since when it is tried, and how often; else it would hold up its partition for ever."""

    async def run() -> None:
        loop, parked, waits = asyncio.get_running_loop(), Parked(), list[int]()

        async def attempt(export: Export) -> Outcome:
            return Delivered(204) if export.key == b"fine" else Retryable("status-500", 500)

        def growing(attempts: int, *_: object) -> float:
            waits.append(attempts)
            return 5.0

        destination = a_destination(supersede=True, retry=Retry(max_elapsed_seconds=60.0))
        tools = the_tools(attempt, park=parked, now=loop.time, pause=growing, destination=destination)
        dispatch = a_dispatch(tools)
        for offset in range(0, 60, 2):
            dispatch.accept(P0, [an_arrival(offset), an_arrival(offset + 1, key=b"fine")])
            await asyncio.sleep(4.0)
            commit(dispatch)
        await dispatch.release()

        assert [failure.reason for _, failure in parked.letters][:1] == [Reason.EXHAUSTED]
        assert waits[:3] == [1, 2, 3]

    in_virtual_time(run())


def test_a_profile_that_changes_faster_than_commits_come_is_posted_all_the_same() -> None:
    async def run() -> None:
        door = Door()
        dispatch = a_dispatch(the_tools(door, destination=a_destination(supersede=True, max_in_flight=1)))
        for offset in range(1_000):
            dispatch.accept(P0, [an_arrival(offset)])
            if offset % 100 == 50:
                commit(dispatch)
            await asyncio.sleep(0.001)
        await dispatch.release()

        assert len(door.posted) >= 9

    in_virtual_time(run())


async def test_after_a_kill_no_replaced_export_comes_back_behind_the_one_that_replaced_it() -> None:
    """An endpoint that ignores the ids it has seen would keep the older one."""
    door = Door()
    tools = the_tools(door, destination=SUPERSEDING)
    first = a_dispatch(tools)
    door.open.clear()
    records = [an_arrival(0), an_arrival(1), an_arrival(2)]
    first.accept(P0, records[:1])
    await settled()
    first.accept(P0, records[1:2])
    first.accept(P0, records[2:])
    door.open.set()
    await settled()
    assert door.posted == [0], "the newest is posted although no commit tells that the one before it has ended"

    window = first.backlog.windows[P0]
    mark = window.due
    assert mark is not None
    window.committed(mark)
    first.committed()
    await settled()
    assert door.posted == [0, 2]
    await first.release()

    second = a_dispatch(the_tools(door, destination=SUPERSEDING), Window(decode(mark.metadata, mark.offset)))
    for record in records[mark.offset :]:
        second.accept(P0, [record])
        await settled()
    await second.release()
    assert door.posted == [0, 2, 2]


async def test_a_commit_that_came_before_it_was_replaced_lets_nothing_go() -> None:
    door = Door(Delivered(204), Retryable("status-503", 503))
    dispatch = a_dispatch(the_tools(door, destination=SUPERSEDING, pause=lambda *_: 0.0))
    window = dispatch.backlog.windows[P0]
    door.open.clear()
    dispatch.accept(P0, [an_arrival(0, key=b"other"), an_arrival(1)])
    await settled()
    mark = window.due
    dispatch.accept(P0, [an_arrival(2)])
    door.open.set()
    await settled()
    assert mark is not None
    window.committed(mark)
    dispatch.committed()
    await settled()
    assert 2 not in door.posted

    commit(dispatch)
    await until(lambda: dispatch.backlog.pending == 0)
    await dispatch.release()
    assert door.posted[-1] == 2


async def test_the_last_word_on_a_forgotten_profile_goes_out_before_what_came_after() -> None:
    door = Door(Retryable("status-503", 503))
    dispatch = a_dispatch(the_tools(door, destination=SUPERSEDING, pause=lambda *_: 0.0))
    door.open.clear()
    dispatch.accept(P0, [an_arrival(0)])
    await settled()
    word = a_body({"gold": "exited"})
    dispatch.accept(P0, [an_arrival(1), an_arrival(2, body=word, trigger="forgotten"), an_arrival(3), an_arrival(4)])
    door.open.set()
    await settled()
    commit(dispatch)
    await until(lambda: dispatch.backlog.pending == 0)
    await dispatch.release()

    assert door.posted == [0, 2, 4]


async def test_what_is_to_be_withdrawn_keeps_that_duty() -> None:
    telemetry, door = RecordingTelemetry(), Door()
    tools = the_tools(door, telemetry=telemetry, destination=replace(SUPERSEDING, version=3, min_version=3))
    dispatch = a_dispatch(tools)
    dispatch.accept(P0, [an_arrival(0, version=2), an_arrival(1, version=3), an_arrival(2, version=3)])
    await settled()
    commit(dispatch)
    await until(lambda: dispatch.backlog.pending == 0)
    await dispatch.release()

    assert door.posted == [2]
    assert telemetry.counts == {ExportEnd.WITHDRAWN: 1, ExportEnd.SUPERSEDED: 1, ExportEnd.DELIVERED: 1}


async def test_a_record_that_is_no_export_is_a_dead_letter_and_replaces_nothing() -> None:
    parked, door = Parked(), Door()
    dispatch = a_dispatch(the_tools(door, park=parked, destination=SUPERSEDING))
    dispatch.accept(P0, [an_arrival(0), ARecord(1, b"p1", b"{}"), an_arrival(2)])
    await until(lambda: dispatch.backlog.pending == 0)
    await dispatch.release()

    assert door.posted == [0, 2]
    assert [record.offset for record, _ in parked.letters] == [1]


async def test_a_refused_one_takes_along_what_it_replaced() -> None:
    parked, telemetry = Parked(), RecordingTelemetry()
    door = Door(Refused("status-400", 400))
    dispatch = a_dispatch(the_tools(door, park=parked, telemetry=telemetry, destination=SUPERSEDING))
    dispatch.accept(P0, [an_arrival(0), an_arrival(1)])
    commit(dispatch)
    await until(lambda: dispatch.backlog.pending == 0)
    await dispatch.release()

    assert door.posted == [1]
    assert [(record.offset, failure.attempts) for record, failure in parked.letters] == [(1, 1)]
    assert telemetry.counts == {ExportEnd.SUPERSEDED: 1, ExportEnd.DEAD_LETTERED: 1}
