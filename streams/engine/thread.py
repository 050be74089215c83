# mypy: allow-subclassing-any
"""The consumer thread: fetches what the caller meant, and only while the caller's assignment is in force.

Stock waits inside aiokafka's fetcher, across a rebalance if need be, and then takes records of the new assignment:
their position has moved, nobody gets them. Here a fetch never waits there; each time it wakes it asks again whether it
is still wanted. It runs in the thread's own loop; ``fetch`` is called from the main loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, TypeVar

import uvloop
from aiokafka.errors import ConsumerStoppedError, NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.transport.drivers import aiokafka as driver

from streams.engine.message import Record
from streams.groups.clock import suspended
from streams.groups.coordinator import keep_lease
from streams.groups.gaps import Partition
from streams.groups.sockets import guard

log = logging.getLogger(__name__)

T = TypeVar("T")
Records = Mapping[Partition, Sequence[Record]]

STOP_SECONDS = 5.0
"""How long the consumer may take to leave its group and close."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Stock, but read_committed, and with a fetch that belongs to one assignment."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, thread_loop=uvloop.new_event_loop(), **options)
        self._close_thread_loop_on_stop = True  # it is ours, but stock takes it for the caller's

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # stock hard-codes read_uncommitted; read when it starts
        return consumer

    async def on_start(self) -> None:
        """Start the consumer; its membership renews the lease, and without that it commits nothing."""
        await super().on_start()
        lease = self.app.lease
        if lease is not None:
            keep_lease(self.aiokafka, lease, suspended)
            guard(self.aiokafka._client, lease)

    @property
    def aiokafka(self) -> Any:
        """The started consumer; what it does belongs to the thread's loop, see ``run``."""
        return self._ensure_consumer()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* in the thread's loop, and wait for it in the caller's."""
        # Not by the method queue: that costs a handful of tasks per call, and only two run at a time.
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self.thread_loop))

    async def fetch(self, partitions: frozenset[Partition], assignment: int, timeout: float) -> Records:
        """Return what *partitions* have, waiting at most *timeout* s; nothing if *assignment* is over meanwhile.

        The set must be a copy: stock hands over the live one, and when that becomes empty the fetcher takes from all.
        """
        return await self.run(self._fetch(self._ensure_consumer(), partitions, assignment, timeout))

    async def _fetch(self, consumer: Any, partitions: frozenset[Partition], assignment: int, timeout: float) -> Records:
        fetcher, deadline = consumer._fetcher, monotonic() + timeout
        with fetcher._subscriptions.fetch_context():
            while self._wanted(consumer, assignment):
                records = await self._take(consumer, partitions, assignment)
                left = deadline - monotonic()
                if records or left <= 0:
                    return records
                await self._arrival(fetcher, left)
        return {}

    async def _take(self, consumer: Any, partitions: frozenset[Partition], assignment: int) -> Records:
        """Take what has arrived; a partition whose next records are gone is stopped at, and the others go on."""
        try:
            records: Records = await consumer._fetcher.fetched_records(
                partitions, timeout=0, max_records=consumer._max_poll_records
            )
        except (OffsetOutOfRangeError, NoOffsetForPartitionError) as error:
            gone = [(tp.topic, tp.partition) for tp in _partitions_of(error)]
            _pause(consumer._subscription, gone)  # else the same answer comes again at once
            self.consumer.loop.call_soon_threadsafe(self.consumer.overtaken, gone, assignment)
            return {}
        return records

    def _wanted(self, consumer: Any, assignment: int) -> bool:
        """Whether the fetch may take records; no await lies between this and the taking."""
        if consumer._closed or consumer._fetcher._closed:
            raise ConsumerStoppedError
        if consumer._subscription.reassignment_in_progress:
            return False
        return bool(self.consumer.is_open(assignment))

    async def _arrival(self, fetcher: Any, timeout: float) -> None:
        """Wait for records, an interruption or *timeout*; raises what the coordinator cannot mend."""
        waiter = fetcher._create_fetch_waiter()
        timer = self.thread_loop.call_later(timeout, _wake, waiter)
        try:
            await waiter
        finally:
            timer.cancel()

    def interrupt(self) -> None:
        """Make a waiting fetch look again whether it is wanted; called from the main loop."""
        if self._consumer is not None and not self.thread_loop.is_closed():
            self.thread_loop.call_soon_threadsafe(_wake_all, self._consumer._fetcher)

    async def keep_alive(self) -> None:
        """Say that we live although nothing may be fetched; raise what ended the group coordination.

        Without it ``max.poll.interval`` expires behind a slow sink or a long recovery, and the member leaves for ever.
        Called from the main loop, so a main loop that hangs does not count as alive.
        """
        if self._consumer is not None:
            await self.run(self._keep_alive(self._consumer))

    async def _keep_alive(self, consumer: Any) -> None:
        subscription = consumer._subscription
        if not subscription._fetch_count:
            subscription._last_fetch_ended = monotonic()
        if consumer._coordinator is not None:
            consumer._coordinator.check_errors()

    async def on_thread_stop(self) -> None:
        """Stop the consumer, in bounded time: without a broker it may hang, or end in a cancellation of its own."""
        consumer = self._consumer
        try:
            await asyncio.wait_for(super().on_thread_stop(), STOP_SECONDS)
        except (TimeoutError, asyncio.CancelledError):  # either would keep the whole worker from ending
            log.warning("the consumer did not stop in order: the group notices when the session times out")
            if consumer is not None:
                await consumer._client.close()

    def _stopped_set(self) -> None:
        if not self.thread_loop.is_closed():  # it is when the thread itself has crashed; stock then fails to stop
            super()._stopped_set()

    def pause_fetching(self, partitions: Iterable[Any]) -> None:
        """Do not even prefetch *partitions*, under this assignment; what was fetched of them is not taken."""
        # In the thread: pausing makes a future, which belongs to the loop that it is made in.
        self.thread_loop.call_soon_threadsafe(_pause, self._ensure_consumer()._subscription, list(partitions))

    def resume_fetching(self, partitions: Iterable[Any]) -> None:
        """Fetch *partitions* again, from where they were left."""
        self.thread_loop.call_soon_threadsafe(_resume, self._ensure_consumer()._subscription, list(partitions))


def _pause(subscription: Any, partitions: Sequence[Any]) -> None:
    for partition in partitions:
        if subscription.is_assigned(partition):
            subscription.pause(partition)


def _resume(subscription: Any, partitions: Sequence[Any]) -> None:
    for partition in partitions:
        if subscription.is_assigned(partition):
            subscription.resume(partition)


def _partitions_of(error: Exception) -> list[Any]:
    """Return what aiokafka's error is about: it holds a partition, or a mapping of partitions to offsets."""
    (about,) = error.args
    return list(about) if isinstance(about, dict) else [about]


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _wake_all(fetcher: Any) -> None:
    for waiter in list(fetcher._fetch_waiters):
        _wake(waiter)
