# mypy: allow-subclassing-any
"""The consumer thread: fetches what the caller meant, and only while the caller's assignment is in force.

Stock waits inside aiokafka's fetcher, across a rebalance if need be, and then takes records of the new assignment:
their position has moved, nobody gets them. Here a fetch never waits there; each time it wakes it asks again whether it
is still wanted. It runs in the thread's own loop; ``fetch`` is called from the main loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as driver

from streams.engine.message import Record

log = logging.getLogger(__name__)

Partition = tuple[str, int]
Records = Mapping[Partition, Sequence[Record]]

STOP_SECONDS = 5.0
"""How long the consumer may take to leave its group and close."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Stock, but read_committed, and with a fetch that belongs to one assignment."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # stock hard-codes read_uncommitted; read when it starts
        return consumer

    async def fetch(self, partitions: frozenset[Partition], assignment: int, timeout: float) -> Records:
        """Return what *partitions* have, waiting at most *timeout* s; nothing if *assignment* is over meanwhile.

        The set must be a copy: stock hands over the live one, and when that becomes empty the fetcher takes from all.
        """
        fetching = self._fetch(self._ensure_consumer(), partitions, assignment, timeout)
        # Not by the method queue: that costs a handful of tasks per call.
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(fetching, self.thread_loop))

    async def _fetch(self, consumer: Any, partitions: frozenset[Partition], assignment: int, timeout: float) -> Records:
        fetcher, deadline = consumer._fetcher, monotonic() + timeout
        with fetcher._subscriptions.fetch_context():
            while self._wanted(consumer, assignment):
                records: Records = await fetcher.fetched_records(
                    partitions, timeout=0, max_records=consumer._max_poll_records
                )
                left = deadline - monotonic()
                if records or left <= 0:
                    return records
                await self._arrival(fetcher, left)
        return {}

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
            checking = self._keep_alive(self._consumer)
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(checking, self.thread_loop))

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

    def pause_fetching(self, partitions: Sequence[Any]) -> None:
        """Do not even prefetch *partitions* under this assignment (changelogs are read by the recovery)."""
        # In the thread: pausing makes a future, which belongs to the loop that it is made in.
        self.thread_loop.call_soon_threadsafe(_pause, self._ensure_consumer()._subscription, partitions)


def _pause(subscription: Any, partitions: Sequence[Any]) -> None:
    for partition in partitions:
        if subscription.is_assigned(partition):
            subscription.pause(partition)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _wake_all(fetcher: Any) -> None:
    for waiter in list(fetcher._fetch_waiters):
        _wake(waiter)
