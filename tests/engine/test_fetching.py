"""A fetch belongs to one assignment and one set of partitions; stock Faust lets both change under its feet."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import uvloop
from faust.transport.drivers import aiokafka as driver

from streams.engine.thread import ConsumerThread
from tests.engine.fakes import TOPIC, TP0, FakeRecord, FakeThread, engine_consumer, stock_consumer


async def test_stock_loses_what_was_being_fetched_when_its_partition_is_paused() -> None:
    thread = FakeThread(records={TP0: [FakeRecord(1), FakeRecord(2)]})
    consumer = stock_consumer(thread)
    thread.meanwhile = lambda: consumer.pause_partitions({TP0})
    handed_on = [message.offset async for _, message in consumer.getmany(1.0)]

    assert handed_on == [], "aiokafka's position has moved beyond them: upstream has mended defect F"


async def test_what_was_being_fetched_when_its_partition_is_paused_is_handed_on() -> None:
    thread = FakeThread(records={TP0: [FakeRecord(1), FakeRecord(2)]})
    consumer = engine_consumer(thread)
    thread.meanwhile = lambda: consumer.pause_partitions({TP0})
    await turn(consumer)

    assert [message.offset for message in consumer.app.inlets[TOPIC].items] == [1, 2]


async def test_a_paused_partition_is_not_fetched() -> None:
    consumer = engine_consumer(FakeThread())
    consumer.pause_partitions({TP0})

    assert consumer._fetchable() == frozenset()


async def test_a_partition_whose_inlet_is_full_is_not_fetched_until_the_agent_has_made_room() -> None:
    consumer = engine_consumer(FakeThread())
    consumer._hand_on({TP0: [FakeRecord(offset) for offset in range(90)]}, consumer.assignment_count)
    full = consumer._fetchable()
    consumer.app.inlets[TOPIC].items.popleft()

    assert (full, consumer._fetchable()) == (frozenset(), frozenset({TP0}))


async def test_what_was_fetched_for_a_former_assignment_is_not_handed_on() -> None:
    thread = FakeThread(records={TP0: [FakeRecord(1)]})
    consumer = engine_consumer(thread)

    def rebalance() -> None:
        consumer._begin()
        consumer.resume_flow()

    thread.meanwhile = rebalance
    await turn(consumer)

    assert not consumer.app.inlets[TOPIC].items


async def test_a_closed_gate_drops_what_no_agent_has_taken() -> None:
    consumer = engine_consumer(FakeThread())
    consumer._hand_on({TP0: [FakeRecord(1)]}, consumer.assignment_count)
    consumer.stop_flow()

    assert not consumer.app.inlets[TOPIC].items
    assert consumer._fetchable() == frozenset()


@dataclass
class FakeFetcher:
    """aiokafka's fetcher in the middle of a rebalance: who waits inside gets records of the new assignment."""

    reassignment_in_progress: bool = False
    assigned: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    _closed: bool = False
    _fetch_waiters: set[asyncio.Future[None]] = field(default_factory=set)

    @property
    def _subscriptions(self) -> FakeFetcher:
        return self

    @contextmanager
    def fetch_context(self) -> Iterator[None]:
        yield

    async def fetched_records(self, partitions: Any, timeout: float = 0, max_records: int | None = None) -> Any:
        if timeout or self.reassignment_in_progress:
            self.waiting.set()
            await self.assigned.wait()
        return {TP0: [FakeRecord(1)]} if self.assigned.is_set() else {}

    def _create_fetch_waiter(self) -> asyncio.Future[None]:
        waiter = asyncio.get_running_loop().create_future()
        self._fetch_waiters.add(waiter)
        self.waiting.set()
        return waiter


def aiokafka_consumer(fetcher: FakeFetcher) -> Any:
    return SimpleNamespace(_fetcher=fetcher, _closed=False, _subscription=fetcher, _max_poll_records=10)


async def test_stock_takes_records_of_an_assignment_that_it_was_not_asked_for() -> None:
    fetcher = FakeFetcher()
    thread = SimpleNamespace(consumer=SimpleNamespace(flow_active=True))
    fetch = driver.AIOKafkaConsumerThread._fetch_records
    fetching = asyncio.create_task(fetch(thread, aiokafka_consumer(fetcher), {TP0}, timeout=1.0))
    await fetcher.waiting.wait()
    thread.consumer.flow_active = False  # the rebalance begins, and ends
    fetcher.assigned.set()

    assert await fetching, "nobody wants them any more, and the position has moved: upstream has mended defect B"


async def test_a_fetch_takes_nothing_once_its_assignment_is_over() -> None:
    fetcher, open_assignments = FakeFetcher(), {1}
    thread = ConsumerThread.__new__(ConsumerThread)
    thread.thread_loop = asyncio.get_running_loop()
    thread.consumer = SimpleNamespace(is_open=open_assignments.__contains__)
    thread._consumer = aiokafka_consumer(fetcher)
    fetching = asyncio.create_task(thread._fetch(thread._consumer, frozenset({TP0}), 1, 60.0))
    await fetcher.waiting.wait()
    open_assignments.clear()
    fetcher.assigned.set()
    thread.interrupt()

    assert await asyncio.wait_for(fetching, 90) == {}


async def test_the_thread_has_a_loop_of_uvloops_and_closes_it_when_it_ends() -> None:
    thread = engine_consumer(FakeThread())._new_consumer_thread()
    ran_in: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        ran_in.append(asyncio.get_running_loop())

    thread._serve = serve
    await asyncio.to_thread(thread._start_thread)

    assert [type(loop) for loop in ran_in] == [uvloop.Loop]
    assert ran_in[0].is_closed()


async def turn(consumer: Any) -> None:
    """Let the drain loop make one turn."""
    turns = iter([False, True, True])
    fetcher = SimpleNamespace(_stopped=SimpleNamespace(is_set=lambda: next(turns)))
    await consumer._drain_messages(fetcher)
