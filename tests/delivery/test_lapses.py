"""Without its lease a delivery sends nothing, and what it did not send was no attempt."""

from __future__ import annotations

import asyncio

from aiokafka import TopicPartition

from streams.delivery.dead_letters import Failure
from streams.delivery.dispatch import Dispatch
from streams.delivery.pending import Record
from streams.delivery.tools import Tools
from streams.delivery.windows import Window
from streams.destinations import Retry
from streams.ends import ExportEnd
from streams.exports import Export
from streams.groups.lease import LapsedError, Lease
from streams.outcomes import Delivered, Outcome, Refused, Retryable
from tests.deliverables import TOPIC, Parked, RecordingTelemetry, a_destination, a_record, the_tools
from tests.waiting import until

P0 = TopicPartition(TOPIC, 0)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def a_dispatch(tools: Tools) -> Dispatch:
    def fail(error: BaseException) -> None:
        raise AssertionError("a defect in the dispatch") from error

    return Dispatch(tools, {P0: Window()}, defect=fail)


def a_lease(clock: Clock) -> Lease:
    """Return a lease of eight seconds from now on."""
    lease = Lease(10.0, clock)
    lease.renewed(clock())
    return lease


async def test_nothing_is_posted_without_a_lease_and_all_is_when_it_is_renewed() -> None:
    clock, telemetry, posted = Clock(), RecordingTelemetry(), list[int]()
    lease = a_lease(clock)

    async def attempt(export: Export) -> Outcome:
        posted.append(export.offset)
        return Delivered(204)

    dispatch = a_dispatch(the_tools(attempt, telemetry=telemetry, lease=lease))
    clock.seconds += 8.1
    dispatch.accept(P0, [a_record(n, b"p%d" % (n % 90)) for n in range(200)])
    await until(lambda: telemetry.lapses == 1, what="the lapse")
    await asyncio.sleep(0)
    assert (posted, telemetry.outcomes, telemetry.ends) == ([], [], [])
    assert dispatch.backlog.pending == 200

    lease.renewed(clock())
    await until(lambda: dispatch.backlog.pending == 0, what="the ends after the renewal")
    assert len(posted) == 200
    assert telemetry.lapses == 1
    assert dispatch.backlog.windows[P0].position == 200
    await dispatch.release()


async def test_a_request_whose_lease_lapsed_under_it_is_no_attempt() -> None:
    clock, telemetry, tried = Clock(), RecordingTelemetry(), list[int]()
    lease = a_lease(clock)

    async def attempt(export: Export) -> Outcome:
        tried.append(export.offset)
        if len(tried) == 1:
            clock.seconds += 8.1
            raise LapsedError("the lease has lapsed")
        return Delivered(204)

    dispatch = a_dispatch(the_tools(attempt, telemetry=telemetry, lease=lease))
    dispatch.accept(P0, [a_record(0), a_record(1)])
    await until(lambda: telemetry.lapses == 1, what="the lapse")
    assert telemetry.outcomes == []

    lease.renewed(clock())
    await until(lambda: dispatch.backlog.pending == 0, what="the ends after the renewal")
    assert tried == [0, 0, 1]
    assert telemetry.outcomes == [Delivered(204)] * 2
    await dispatch.release()


async def test_the_clock_of_an_export_in_retry_stands_while_the_lease_has_lapsed() -> None:
    clock, parked, tried = Clock(), Parked(), 0
    lease = a_lease(clock)

    async def attempt(export: Export) -> Outcome:
        nonlocal tried
        if export.key == b"fine":
            return Delivered(204)
        tried += 1
        return Retryable("status-503", 503)

    destination = a_destination(retry=Retry(max_elapsed_seconds=20.0))
    tools = the_tools(attempt, park=parked, now=clock, lease=lease, destination=destination)
    dispatch = a_dispatch(tools)
    dispatch.accept(P0, [a_record(0, b"poison"), a_record(1, b"fine")])
    await until(lambda: tried >= 2 and dispatch.backlog.pending == 1, what="a retry after a delivery")
    clock.seconds += 8.1  # the delivery lets the clock run for thirty seconds, but there is no lease
    await until(lambda: dispatch.backlog.pending == 1 and dispatch.in_flight == 0)
    seen = tried
    await until(lambda: tools.telemetry.lapses == 1, what="the lapse")  # type: ignore[attr-defined]  # it records
    clock.seconds += 21.0
    lease.renewed(clock())
    await until(lambda: tried >= seen + 3, what="attempts after the renewal")

    assert not parked.letters
    await dispatch.release()


async def test_without_a_lease_all_is_handed_over_and_nothing_is_waited_for() -> None:
    clock = Clock()
    lease = a_lease(clock)
    clock.seconds += 8.1
    tools = the_tools(lease=lease)
    dispatch = a_dispatch(tools)
    dispatch.accept(P0, [a_record(n, b"p%d" % n) for n in range(10)])
    await until(lambda: dispatch.in_flight == 0)
    async with asyncio.timeout(90):
        await dispatch.drain(600.0)
    await dispatch.release()

    assert (tools.books.fetched, tools.books.ended, tools.books.handed_over) == (10, 0, 10)
    assert dispatch.backlog.windows[P0].position == 0


async def test_a_dead_letter_waits_for_the_lease_and_that_is_no_refusal() -> None:
    clock, parked, asked = Clock(), Parked(), 0
    lease, telemetry = a_lease(clock), RecordingTelemetry()

    async def attempt(export: Export) -> Outcome:
        clock.seconds += 8.1
        return Refused("status-400", 400)

    async def park(record: Record, failure: Failure) -> None:
        nonlocal asked
        asked += 1
        lease.check()
        await parked(record, failure)

    dispatch = a_dispatch(the_tools(attempt, park=park, telemetry=telemetry, lease=lease))
    dispatch.accept(P0, [a_record(0)])
    await until(lambda: asked >= 2, what="a second try")
    assert not parked.letters
    assert dispatch.backlog.windows[P0].position == 0

    lease.renewed(clock())
    await until(lambda: dispatch.backlog.pending == 0, what="the dead letter")
    assert telemetry.counts == {ExportEnd.DEAD_LETTERED: 1}
    await dispatch.release()
