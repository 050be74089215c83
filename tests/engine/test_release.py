"""Before partitions go, what is under way is finished in bounded time and committed; stock Faust waits without end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as driver

from streams.engine.consumer import Consumer
from streams.engine.thread import ConsumerThread
from tests.engine.fakes import TP0, FakeThread, engine_consumer, stock_consumer, stock_message
from tests.engine.test_commits import hand_on


async def never() -> None:
    await asyncio.Event().wait()


async def test_stock_waits_for_a_record_that_never_ends() -> None:
    consumer = stock_consumer(FakeThread())
    stuck = stock_message(consumer, 1)
    waiting = asyncio.create_task(consumer.wait_empty())
    done, _ = await asyncio.wait([waiting], timeout=1.0)

    assert not done, "upstream has mended defect D"
    assert consumer.app.conf.stream_wait_empty, "and it is the default"
    stuck.ack(consumer)
    await waiting


async def test_a_callback_that_never_ends_does_not_hold_the_commit() -> None:
    thread = FakeThread()
    consumer = engine_consumer(thread, drain=0.05)
    consumer.app.release.add(never)
    consumer.acknowledge(hand_on(consumer, [7])[0])
    await asyncio.wait_for(consumer.release(), 90)

    assert thread.commits == [{TP0: 8}]


async def test_what_a_callback_finishes_is_committed_before_the_partitions_go() -> None:
    thread = FakeThread()
    consumer = engine_consumer(thread)
    message = hand_on(consumer, [7])[0]

    async def finish() -> None:
        assert consumer.is_current(message), "the partition is still ours"
        consumer.acknowledge(message)

    consumer.app.release.add(finish)
    await consumer.release()

    assert thread.commits == [{TP0: 8}]


async def test_stock_forgets_what_was_acknowledged_before_its_handlers_may_commit_it() -> None:
    thread = FakeThread()
    consumer = stock_consumer(thread)
    stock_message(consumer, 0).ack(consumer)

    async def handler(_: object) -> None:
        await consumer.commit()

    consumer._on_partitions_revoked = handler
    await consumer.on_partitions_revoked({TP0})

    assert thread.commits == [], "upstream keeps acknowledgements until the handlers have run"


async def test_a_failing_callback_does_not_keep_the_others_or_the_commit() -> None:
    thread, ran = FakeThread(), asyncio.Event()
    consumer = engine_consumer(thread)

    async def fail() -> None:
        raise ValueError

    async def run() -> None:
        ran.set()

    consumer.app.release.add(fail)
    consumer.app.release.add(run)
    consumer.acknowledge(hand_on(consumer, [7])[0])
    await consumer.release()

    assert ran.is_set()
    assert thread.commits == [{TP0: 8}]


async def test_a_release_waits_for_a_commit_under_way_and_then_commits_what_came_after_it() -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    class SlowThread(FakeThread):
        async def commit(self, offsets: object) -> bool:
            entered.set()
            await go.wait()
            return await super().commit(offsets)  # type: ignore[arg-type]  # the fake is not strict

    thread = SlowThread()
    consumer = engine_consumer(thread)
    first, second = hand_on(consumer, [7, 8])
    consumer.acknowledge(first)
    periodic = asyncio.create_task(consumer.commit())
    await entered.wait()
    consumer.acknowledge(second)
    releasing = asyncio.create_task(consumer.release())
    go.set()
    await asyncio.gather(periodic, releasing)

    assert thread.commits == [{TP0: 8}, {TP0: 9}]


async def test_a_revoke_during_the_stop_joins_the_release_that_is_running() -> None:
    consumer = engine_consumer(FakeThread())
    runs: list[None] = []
    go = asyncio.Event()

    async def drain() -> None:
        runs.append(None)
        await go.wait()

    consumer.app.release.add(drain)
    consumer.app._stopped.set()
    stopping = asyncio.create_task(consumer.release())
    revoking = asyncio.create_task(Consumer.on_partitions_revoked(consumer, {TP0}))
    await asyncio.wait([revoking], timeout=0.05)
    early = revoking.done()
    go.set()
    await asyncio.gather(stopping, revoking)

    assert not early
    assert len(runs) == 1


class Unreachable:
    """An aiokafka consumer whose broker is away: closing it cancels a fetch, and that cancellation comes out."""

    def __init__(self) -> None:
        self.closed = False
        self._client = self

    async def stop(self) -> None:
        raise asyncio.CancelledError

    async def close(self) -> None:
        self.closed = True


def thread_over(kind: Any, consumer: Unreachable) -> Any:
    """Return a consumer thread of *kind* that was never started."""
    thread = kind.__new__(kind)
    thread._consumer, thread._method_queue = consumer, None
    return thread


async def test_stock_does_not_end_when_the_broker_is_away() -> None:
    with pytest.raises(asyncio.CancelledError):
        await thread_over(driver.AIOKafkaConsumerThread, Unreachable()).on_thread_stop()


async def test_a_worker_ends_although_the_broker_is_away() -> None:
    consumer = Unreachable()
    await thread_over(ConsumerThread, consumer).on_thread_stop()

    assert consumer.closed
