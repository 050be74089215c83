"""What waits for Kafka's confirmation is bounded, whatever the endpoint and the broker do."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

from aiokafka import TopicPartition

from streams.delivery.confirming import MAX_WRITERS
from streams.delivery.dead_letters import Failure, NotParkedError
from streams.delivery.dispatch import Dispatch
from streams.delivery.pending import Record
from streams.delivery.windows import Window
from streams.ends import ExportEnd
from streams.exports import Export
from streams.outcomes import Outcome, Refused
from streams.profile_commands import ReExport
from tests.deliverables import TOPIC, ARecord, RecordingTelemetry, a_destination, a_record, the_tools
from tests.virtual_time import in_virtual_time

P0, P1 = TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)
COUNT = 2_000


def fail(error: BaseException) -> None:
    raise AssertionError("a defect in the dispatch") from error


async def refuse(export: Export) -> Outcome:
    await asyncio.sleep(0)
    return Refused("status-400", 400)


class Broker:
    """Is away, or refuses some partitions, until it is mended; notes how many are written at a time."""

    def __init__(self, refused: set[int] | None = None) -> None:
        self.refused = refused or set()
        self.is_back = asyncio.Event()
        self.writing = self.most_writing = 0
        self.written: Counter[tuple[int, int]] = Counter()

    async def park(self, record: Record, failure: Failure) -> None:
        self.writing += 1
        self.most_writing = max(self.most_writing, self.writing)
        try:
            if record.partition in self.refused:
                await asyncio.sleep(30.0)
                raise NotParkedError("no leader")
            await self.is_back.wait()
            self.written[record.partition, record.offset] += 1
        finally:
            self.writing -= 1

    async def ask(self, export: Export, command: ReExport) -> None:
        await self.park(a_record(export.offset, partition=export.partition), None)  # type: ignore[arg-type]


def test_dead_letters_cost_no_task_and_no_copy_for_each_while_the_broker_is_away() -> None:
    async def run() -> None:
        broker, telemetry = Broker(), RecordingTelemetry()
        dispatch = Dispatch(the_tools(refuse, park=broker.park, telemetry=telemetry), {P0: Window()}, defect=fail)
        dispatch.accept(P0, [ARecord(offset, b"p%d" % offset) for offset in range(COUNT)])
        await asyncio.sleep(60.0)
        assert (broker.writing, dispatch.backlog.pending) == (MAX_WRITERS, COUNT)
        assert len(asyncio.all_tasks()) <= MAX_WRITERS + 2

        broker.is_back.set()
        await asyncio.sleep(1.0)
        assert telemetry.counts == {ExportEnd.DEAD_LETTERED: COUNT}
        assert set(broker.written.values()) == {1}
        assert broker.most_writing == MAX_WRITERS
        await dispatch.release()

    in_virtual_time(run())


def test_withdrawals_are_asked_for_some_at_a_time_and_all_end() -> None:
    async def run() -> None:
        broker, telemetry = Broker(), RecordingTelemetry()
        destination = replace(a_destination(), version=2, min_version=2)
        tools = the_tools(refuse, ask=broker.ask, telemetry=telemetry, destination=destination)
        dispatch = Dispatch(tools, {P0: Window()}, defect=fail)
        dispatch.accept(P0, [a_record(offset, b"p%d" % offset) for offset in range(COUNT)])
        await asyncio.sleep(60.0)
        assert (broker.writing, dispatch.backlog.pending) == (MAX_WRITERS, COUNT)
        assert len(asyncio.all_tasks()) <= MAX_WRITERS + 2

        broker.is_back.set()
        await asyncio.sleep(1.0)
        assert telemetry.counts == {ExportEnd.WITHDRAWN: COUNT}
        assert set(broker.written.values()) == {1}
        await dispatch.release()

    in_virtual_time(run())


def test_a_partition_that_takes_no_letters_holds_up_no_other() -> None:
    async def run() -> None:
        broker = Broker(refused={0})
        broker.is_back.set()
        destination = replace(a_destination(), version=2, min_version=2)
        tools = the_tools(refuse, ask=broker.ask, destination=destination, pause=lambda *_: 600.0)
        dispatch = Dispatch(tools, {P0: Window(), P1: Window()}, defect=fail)
        for partition in (P0, P1):
            number = partition.partition
            records = [a_record(n, b"%d-%d" % (number, n), partition=number) for n in range(300)]
            dispatch.accept(partition, records)
        await asyncio.sleep(200.0)
        assert dispatch.backlog.pending == 300
        assert dispatch.backlog.windows[P1].position == 300

        broker.refused.clear()
        await asyncio.sleep(1_000.0)
        assert dispatch.backlog.pending == 0
        await dispatch.release()

    in_virtual_time(run())


def test_after_a_release_nothing_is_written_any_more() -> None:
    async def run() -> None:
        broker, telemetry = Broker(refused={0}), RecordingTelemetry()
        destination = replace(a_destination(), version=2, min_version=2)
        tools = the_tools(refuse, ask=broker.ask, telemetry=telemetry, destination=destination, pause=lambda *_: 600.0)
        dispatch = Dispatch(tools, {P0: Window()}, defect=fail)
        dispatch.accept(P0, [a_record(offset, b"p%d" % offset) for offset in range(200)])
        await asyncio.sleep(31.0)  # some have failed and wait, others are under way, others have not had a turn
        await dispatch.drain(0.0)
        await dispatch.release()
        broker.refused.clear()
        broker.is_back.set()
        await asyncio.sleep(3600.0)

        assert (broker.written, telemetry.ends) == (Counter(), [])
        assert (tools.books.ended, tools.books.handed_over) == (0, 200)

    in_virtual_time(run())
