from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.delivery.bounds import Shared
from streams.delivery.dead_letters import Failure, NotParkedError
from streams.delivery.dispatch import Dispatch
from streams.delivery.on_demand import NotWrittenError
from streams.delivery.pending import Record
from streams.delivery.tools import Tools
from streams.delivery.windows import Window
from streams.destinations import Retry
from streams.ends import ExportEnd, Reason
from streams.exports import Export
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable
from streams.profile_commands import ReExport
from tests.deliverables import TOPIC, ARecord, Parked, Questions, RecordingTelemetry, a_destination, a_record, the_tools
from tests.waiting import until

P0 = TopicPartition(TOPIC, 0)
P1 = TopicPartition(TOPIC, 1)
AT_ONCE = Retry(first_seconds=0.001, cap_seconds=0.001)
"""Who is at fault is probed again almost at once."""


def fail(error: BaseException) -> None:
    raise AssertionError("a defect in the dispatch") from error


def a_dispatch(tools: Tools) -> Dispatch:
    return Dispatch(tools, {P0: Window(), P1: Window()}, defect=fail)


async def served(dispatch: Dispatch) -> None:
    """Wait until all has ended."""
    await until(lambda: dispatch.backlog.pending == 0)
    await dispatch.release()


async def drained(dispatch: Dispatch, seconds: float) -> None:
    await dispatch.drain(seconds)
    await dispatch.release()


class Endpoint:
    """Answers as told, and watches that a profile never has two requests open nor one out of turn."""

    def __init__(self, answers: dict[int, list[Outcome]] | None = None) -> None:
        self.answers = answers or {}
        self.open: set[bytes] = set()
        self.most_open = 0
        self.posted: list[int] = []
        self.last: dict[tuple[int, bytes], int] = defaultdict(lambda: -1)

    async def __call__(self, export: Export) -> Outcome:
        assert export.key not in self.open, "two requests of one profile are open"
        assert export.offset >= self.last[export.partition, export.key], "a profile's exports are out of order"
        self.last[export.partition, export.key] = export.offset
        self.open.add(export.key)
        self.most_open = max(self.most_open, len(self.open))
        self.posted.append(export.offset)
        await asyncio.sleep(0)
        self.open.remove(export.key)
        answers = self.answers.get(export.offset)
        return answers.pop(0) if answers else Delivered(204)


ANSWERS = st.lists(
    st.sampled_from([Retryable("503", 503), DestinationFault("401", 401), Refused("400", 400)]), max_size=3
)
ARRIVALS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([b"a", b"b", b"c", b"d"]), ANSWERS), max_size=40)


@settings(max_examples=150, deadline=None)
@given(ARRIVALS, st.booleans(), st.integers(1, 4))
def test_fetched_is_ended_and_pending_and_handed_over(
    arrivals: list[tuple[int, bytes, list[Outcome]]], is_cut_short: bool, in_flight: int
) -> None:
    async def run() -> None:
        endpoint = Endpoint({offset: list(answers) for offset, (_, _, answers) in enumerate(arrivals)})
        tools = the_tools(endpoint, destination=a_destination(max_in_flight=in_flight, retry=AT_ONCE))
        dispatch, books = a_dispatch(tools), tools.books
        for offset, (partition, key, _) in enumerate(arrivals):
            record = a_record(offset, key + str(partition).encode(), partition=partition)
            dispatch.accept(TopicPartition(TOPIC, partition), [record])
            await asyncio.sleep(0)
            assert books.fetched == books.ended + dispatch.backlog.pending
        if not is_cut_short:
            await until(lambda: dispatch.backlog.pending == 0, seconds=10)
        await drained(dispatch, 0.0)
        posted = len(endpoint.posted)
        await asyncio.sleep(0.003)

        assert books.fetched == len(arrivals) == books.ended + books.handed_over
        assert endpoint.most_open <= in_flight
        assert len(endpoint.posted) == posted, "it posted after its release"
        assert is_cut_short or books.handed_over == 0
        assert tools.shared.pending_bytes == 0

    asyncio.run(run())


async def test_a_hung_profile_holds_only_its_own_lane() -> None:
    hanging = asyncio.Event()
    posted: list[int] = []

    async def attempt(export: Export) -> Outcome:
        if export.key == b"hung":
            await hanging.wait()
        posted.append(export.offset)
        return Delivered(204)

    tools = the_tools(attempt)
    dispatch = a_dispatch(tools)
    dispatch.accept(
        P0, [a_record(0, b"hung"), *(a_record(n, b"p%d" % (n % 7)) for n in range(1, 50)), a_record(50, b"hung")]
    )
    await until(lambda: len(posted) == 49)
    assert dispatch.backlog.windows[P0].position == 0

    hanging.set()
    await served(dispatch)
    assert posted[-2:] == [0, 50]
    assert dispatch.backlog.windows[P0].position == 51


async def test_an_older_revision_is_overtaken_and_not_posted() -> None:
    endpoint, telemetry = Endpoint(), RecordingTelemetry()
    tools = the_tools(endpoint, telemetry=telemetry)
    first = a_dispatch(tools)
    first.accept(P0, [a_record(0, revision=7), a_record(1, revision=6), a_record(2, revision=7)])
    first.accept(P0, [a_record(3, b"q", revision=1)])
    await served(first)
    second = a_dispatch(tools)
    second.accept(P0, [a_record(4, revision=6), a_record(5, revision=8)])
    await served(second)

    assert sorted(endpoint.posted) == [0, 2, 3, 5]
    assert telemetry.counts == {ExportEnd.DELIVERED: 4, ExportEnd.OVERTAKEN: 2}


async def test_a_refused_export_is_one_dead_letter_and_its_profile_goes_on() -> None:
    parked, telemetry = Parked(), RecordingTelemetry()
    tools = the_tools(Endpoint({0: [Refused("status-400", 400)]}), park=parked, telemetry=telemetry)
    dispatch = a_dispatch(tools)
    record = a_record(0)
    dispatch.accept(P0, [record, a_record(1)])
    await served(dispatch)

    ((letter, failure),) = parked.letters
    assert letter is record
    assert (failure.reason, failure.detail, failure.status, failure.attempts) == (Reason.REFUSED, "status-400", 400, 1)
    assert [end for _, end, _ in telemetry.ends] == [ExportEnd.DEAD_LETTERED, ExportEnd.DELIVERED]


async def test_a_record_that_is_no_export_is_a_dead_letter_and_never_posted() -> None:
    good = a_record(0).headers
    broken = [
        ARecord(0, b"p1", b"{}", headers=()),
        ARecord(1, b"p1", b"{}", headers=good[:1]),
        ARecord(2, b"p1", b"{}", headers=[good[0], ("streams.meta", b"{")]),
        ARecord(3, b"p1", b"{}", headers=[("streams.id", b"\xff"), good[1]]),
        ARecord(4, b"p1", None, headers=good),
        ARecord(5, None, b"{}", headers=good),
    ]
    endpoint, parked = Endpoint(), Parked()
    dispatch = a_dispatch(the_tools(endpoint, park=parked))
    dispatch.accept(P0, [*broken, a_record(6)])
    await served(dispatch)

    assert endpoint.posted == [6]
    assert sorted(record.offset for record, _ in parked.letters) == [0, 1, 2, 3, 4, 5]
    assert {failure.reason for _, failure in parked.letters} == {Reason.INVALID_EXPORT}
    assert dispatch.backlog.windows[P0].position == 7


async def test_an_unconfirmed_dead_letter_holds_its_offset_and_is_written_again() -> None:
    refusals, refused = asyncio.Event(), 0

    async def park(record: Record, failure: Failure) -> None:
        nonlocal refused
        refused += 1
        if not refusals.is_set():
            raise NotParkedError("no such topic")

    dispatch = a_dispatch(the_tools(Endpoint({0: [Refused("status-400", 400)]}), park=park))
    dispatch.accept(P0, [a_record(0), a_record(1, b"other")])
    await until(lambda: refused >= 3)
    assert dispatch.backlog.windows[P0].position == 0
    assert dispatch.backlog.pending == 1

    refusals.set()
    await until(lambda: dispatch.backlog.pending == 0)
    assert dispatch.backlog.windows[P0].position == 2


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


async def test_a_record_exhausts_only_while_others_are_delivered() -> None:
    clock, parked, attempts = Clock(), Parked(), 0

    async def attempt(export: Export) -> Outcome:
        nonlocal attempts
        if export.key == b"poison":
            attempts += 1
            return Retryable("status-503", 503)
        return Delivered(204)

    tools = the_tools(attempt, park=parked, now=clock, destination=a_destination(retry=Retry(max_elapsed_seconds=60.0)))
    dispatch = a_dispatch(tools)
    dispatch.accept(P0, [a_record(0, b"poison")])
    await until(lambda: attempts >= 2)
    clock.seconds += 1_000  # an outage: nothing is delivered, no clock runs
    seen = attempts
    await until(lambda: attempts >= seen + 2)
    assert not parked.letters

    for n in range(1, 4):
        dispatch.accept(P0, [a_record(n, b"fine")])
        await until(lambda: dispatch.backlog.pending == 1)
        clock.seconds += 25
    await until(lambda: dispatch.backlog.pending == 0)
    ((_, failure),) = parked.letters
    assert (failure.reason, failure.detail) == (Reason.EXHAUSTED, "status-503")


async def test_adobes_policy_gives_up_after_its_third_attempt() -> None:
    parked, endpoint = (
        Parked(),
        Endpoint({0: [Retryable("server-error", 503)] * 3, 1: [Retryable("conflict", 409)] * 2}),
    )
    tools = the_tools(endpoint, park=parked, destination=a_destination(retry=Retry(policy="adobe")))
    dispatch = a_dispatch(tools)
    dispatch.accept(P0, [a_record(0, b"poison"), a_record(1, b"busy"), a_record(2, b"fine")])
    await served(dispatch)

    ((record, failure),) = parked.letters
    assert record.offset == 0
    assert (failure.reason, failure.detail, failure.attempts) == (Reason.EXHAUSTED, "server-error", 3)
    assert sorted(endpoint.posted) == [0, 0, 0, 1, 1, 1, 2]


async def test_what_fails_while_the_destination_is_at_fault_counts_for_no_policy() -> None:
    failures: list[Outcome] = [DestinationFault("gone", 410), *[Retryable("server-error", 503)] * 9]
    parked, endpoint = Parked(), Endpoint({0: failures})
    tools = the_tools(endpoint, park=parked, destination=a_destination(retry=replace(AT_ONCE, policy="adobe")))
    dispatch = a_dispatch(tools)
    dispatch.accept(P0, [a_record(0)])
    await served(dispatch)

    assert endpoint.posted == [0] * 11
    assert not parked.letters


async def test_what_is_too_large_is_a_dead_letter_and_never_posted() -> None:
    parked, endpoint = Parked(), Endpoint()
    tools = the_tools(endpoint, park=parked, destination=a_destination(max_payload_bytes=10))
    dispatch = a_dispatch(tools)
    large, fits = a_record(0), a_record(1)
    large.value, fits.value = b"x" * 11, b"x" * 10
    dispatch.accept(P0, [large, fits])
    await served(dispatch)

    assert endpoint.posted == [1]
    ((record, failure),) = parked.letters
    assert record is large
    assert (failure.reason, failure.status, failure.attempts) == (Reason.TOO_LARGE, None, 0)


async def test_a_422_to_an_id_that_was_sent_before_is_told_apart() -> None:
    parked, telemetry = Parked(), RecordingTelemetry()
    answers: dict[int, list[Outcome]] = {
        0: [Retryable("timed-out"), Refused("rejected", 422)],
        1: [Refused("rejected", 422)],
    }
    dispatch = a_dispatch(the_tools(Endpoint(answers), park=parked, telemetry=telemetry))
    dispatch.accept(P0, [a_record(0, b"again"), a_record(1, b"once")])
    await served(dispatch)

    assert {record.offset: failure.detail for record, failure in parked.letters} == {0: "rejected-again", 1: "rejected"}
    assert Refused("rejected-again", 422) in telemetry.outcomes


async def test_a_destination_at_fault_is_probed_and_gives_nothing_up() -> None:
    is_at_fault, open_now, most, tried = True, 0, 0, 0
    parked, telemetry = Parked(), RecordingTelemetry()

    async def attempt(export: Export) -> Outcome:
        nonlocal open_now, most, tried
        open_now += 1
        tried += 1
        if tried > 16:  # the first requests left before the first answer was in
            most = max(most, open_now)
        await asyncio.sleep(0.001)
        open_now -= 1
        return DestinationFault("unauthorized", 401) if is_at_fault else Delivered(204)

    retry = replace(AT_ONCE, max_elapsed_seconds=0.0)
    tools = the_tools(
        attempt, park=parked, telemetry=telemetry, destination=a_destination(max_in_flight=16, retry=retry)
    )
    dispatch = a_dispatch(tools)
    dispatch.accept(P0, [a_record(n, b"p%d" % n) for n in range(100)])
    await until(lambda: tried >= 150)
    assert most == 1
    assert telemetry.states[-1] == ("faulted", "unauthorized")

    is_at_fault = False
    await served(dispatch)
    assert telemetry.states[-1] == ("activated", "")
    assert telemetry.counts == {ExportEnd.DELIVERED: 100}
    assert not parked.letters


@pytest.mark.parametrize("kind", [Retryable, DestinationFault])
@pytest.mark.parametrize(("in_flight", "slots"), [(1, 8), (8, 1)], ids=["in-its-lane", "waiting-for-a-slot"])
async def test_retry_after_holds_the_whole_destination(
    kind: type[Retryable | DestinationFault], in_flight: int, slots: int
) -> None:
    tried: list[float] = []

    async def attempt(export: Export) -> Outcome:
        tried.append(time.monotonic())
        await asyncio.sleep(0)
        return kind("status-429", 429, retry_after=0.3) if len(tried) == 1 else Delivered(204)

    shared = Shared(max_in_flight=slots)
    dispatch = a_dispatch(the_tools(attempt, shared=shared, destination=a_destination(max_in_flight=in_flight)))
    dispatch.accept(P0, [a_record(n, b"p%d" % n) for n in range(5)])
    await until(lambda: dispatch.backlog.pending == 0)

    first, *others = tried
    assert len(others) == 5
    assert min(others) - first >= 0.29
    assert shared.slots.take(), "none was kept"


async def test_an_attempt_that_raises_is_tried_again_and_stops_nobody() -> None:
    raised = False
    telemetry = RecordingTelemetry()

    async def attempt(export: Export) -> Outcome:
        nonlocal raised
        if export.offset == 0 and not raised:
            raised = True
            raise ValueError("a defect")
        return Delivered(204)

    dispatch = a_dispatch(the_tools(attempt, telemetry=telemetry))
    dispatch.accept(P0, [a_record(0), a_record(1, b"other")])
    await served(dispatch)

    assert Retryable("unexpected") in telemetry.outcomes
    assert telemetry.counts == {ExportEnd.DELIVERED: 2}


async def test_a_drain_begins_nothing_and_the_commit_tells_what_has_ended_above_it() -> None:
    go = asyncio.Event()
    posted: list[int] = []

    async def attempt(export: Export) -> Outcome:
        await go.wait()
        posted.append(export.offset)
        return Delivered(204)

    tools = the_tools(attempt, destination=a_destination(max_in_flight=2))
    dispatch = a_dispatch(tools)
    dispatch.accept(P0, [a_record(0, b"a"), a_record(1, b"a"), a_record(2, b"b"), a_record(3, b"c"), a_record(4, b"a")])
    await asyncio.sleep(0)
    await until(lambda: dispatch.in_flight == 2)
    go.set()
    await drained(dispatch, 10.0)

    assert sorted(posted) == [0, 2]
    mark = dispatch.backlog.windows[P0].due
    assert mark is not None
    assert mark.offset == 1
    assert mark.finished is not None
    assert [offset for offset in range(1, 5) if offset in mark.finished] == [2]
    assert (tools.books.ended, tools.books.handed_over) == (2, 3)


async def test_a_drain_is_bounded_and_a_cancelled_request_is_handed_over() -> None:
    async def attempt(export: Export) -> Outcome:
        await asyncio.Event().wait()
        raise AssertionError("never")

    tools = the_tools(attempt)
    dispatch = a_dispatch(tools)
    dispatch.accept(P0, [a_record(n, b"p%d" % n) for n in range(10)])
    await until(lambda: dispatch.in_flight == 10)
    await asyncio.sleep(0)
    began = time.monotonic()
    async with asyncio.timeout(90):
        await drained(dispatch, 0.2)

    assert time.monotonic() - began >= 0.2
    assert (tools.books.ended, tools.books.handed_over, dispatch.in_flight) == (0, 10, 0)


async def test_what_comes_after_the_release_is_not_taken() -> None:
    endpoint = Endpoint()
    dispatch = a_dispatch(the_tools(endpoint))
    await served(dispatch)

    assert not dispatch.accept(P0, [a_record(0)])
    assert not a_dispatch(the_tools(endpoint)).accept(TopicPartition(TOPIC, 9), [a_record(0)])
    await asyncio.sleep(0)
    assert endpoint.posted == []


async def test_two_destinations_share_the_slots_of_their_process() -> None:
    shared, open_now, most = Shared(max_in_flight=3), 0, 0

    async def attempt(export: Export) -> Outcome:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0.001)
        open_now -= 1
        return Delivered(204)

    dispatches = [a_dispatch(the_tools(attempt, shared=shared)) for _ in range(2)]
    for dispatch in dispatches:
        dispatch.accept(P0, [a_record(n, b"p%d" % n) for n in range(30)])
    await until(lambda: not any(dispatch.backlog.pending for dispatch in dispatches))

    assert most == 3


def of(version: int, offset: int = 0, key: bytes = b"p1", **meta: Any) -> ARecord:
    return a_record(offset, key, version=version, **meta)


async def test_what_must_not_be_posted_is_asked_for_once_per_profile_and_ends_whatever_became_of_it() -> None:
    endpoint, questions, telemetry = Endpoint(), Questions(), RecordingTelemetry()
    destination = replace(a_destination(), version=3, min_version=3)
    tools = the_tools(endpoint, ask=questions, telemetry=telemetry, destination=destination)
    dispatch = a_dispatch(tools)
    whole = of(2, 4, b"c", trigger="forgotten")
    dispatch.accept(P0, [of(1, 0, b"a"), of(2, 1, b"a"), of(2, 2, b"b"), of(2, 3, b"c"), whole])
    await served(dispatch)

    assert endpoint.posted == []
    assert telemetry.counts == {ExportEnd.WITHDRAWN: 5}
    asked = [(export.key, command.version, bytes(command.withdrawal)) for export, command in questions.asked]
    assert sorted(asked) == [(b"a", 3, b""), (b"b", 3, b""), (b"c", 3, b""), (b"c", 3, whole.value)]
    assert tools.books.fetched == tools.books.ended == 5


async def test_a_profile_that_was_exported_anew_is_asked_for_again() -> None:
    """Who exported it by an old version after that had not followed: perhaps it knew more."""
    questions, telemetry = Questions(), RecordingTelemetry()
    tools = the_tools(
        Endpoint(), ask=questions, telemetry=telemetry, destination=replace(a_destination(), version=2, min_version=2)
    )
    dispatch = a_dispatch(tools)
    dispatch.accept(P0, [of(1, 0), of(1, 1), of(2, 2), of(1, 3), of(1, 4)])
    await served(dispatch)

    assert [export.offset for export, _ in questions.asked] == [0, 3]
    assert telemetry.counts == {ExportEnd.WITHDRAWN: 4, ExportEnd.DELIVERED: 1}


async def test_a_question_that_is_not_confirmed_is_asked_again_until_it_is() -> None:
    answers, telemetry = [NotWrittenError("away"), NotWrittenError("away"), None], RecordingTelemetry()

    async def ask(export: Export, command: ReExport) -> None:
        if (answer := answers.pop(0)) is not None:
            assert not telemetry.ends
            raise answer

    destination = replace(a_destination(), version=2, min_version=2)
    dispatch = a_dispatch(the_tools(Endpoint(), ask=ask, telemetry=telemetry, destination=destination))
    dispatch.accept(P0, [of(1)])
    await served(dispatch)

    assert (answers, telemetry.counts) == ([], {ExportEnd.WITHDRAWN: 1})


async def test_what_a_later_version_rendered_holds_its_profile_and_no_other() -> None:
    endpoint, telemetry = Endpoint(), RecordingTelemetry()
    dispatch = a_dispatch(the_tools(endpoint, telemetry=telemetry))
    dispatch.accept(P0, [of(2, 0, b"a"), of(1, 1, b"a"), of(1, 2, b"b")])
    await until(lambda: len(telemetry.ends) == 1)
    await drained(dispatch, 0.1)

    assert endpoint.posted == [2]
    assert dispatch.backlog.windows[P0].position == 0


async def test_a_drain_does_not_wait_for_who_waits_for_a_slot_or_for_the_next_try() -> None:
    """Neither has anything under way; a change must not wait for other destinations, or for a missing topic."""
    shared = Shared(max_in_flight=1)
    assert shared.slots.take()  # by another destination, which keeps it

    async def refuse(record: Record, failure: Failure) -> None:
        refused.set()
        raise NotParkedError("no such topic")

    refused = asyncio.Event()
    endpoint = Endpoint()
    waits = a_dispatch(the_tools(endpoint, shared=shared))
    parks = a_dispatch(the_tools(endpoint, park=refuse, pause=lambda *_: 60.0))
    waits.accept(P0, [a_record(0)])
    parks.accept(P0, [ARecord(0)])
    await until(lambda: waits.in_flight == 1)
    await refused.wait()
    async with asyncio.timeout(90):
        await drained(waits, 600.0)
        await drained(parks, 600.0)

    shared.slots.give()
    assert shared.slots.take()
    assert endpoint.posted == []
