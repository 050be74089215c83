"""Activation's producer: one at a time, and a new one where what the old one holds must never be written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import KafkaError

from streams.activation.outbox import Appended, Batch
from streams.groups.clock import suspended
from streams.groups.lease import Lease
from streams.groups.producers import ended
from streams.groups.sockets import guard, reset
from streams.stopping import stopped

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5


class Producing:
    """What the outbox writes through, from ``start`` to ``stop``; nothing is written while *lease* is not held."""

    def __init__(self, new_producer: Callable[[], Any], lease: Lease) -> None:
        self._new_producer, self._lease = new_producer, lease
        self._producer, self._own = self._made()
        self._replacing: asyncio.Future[None] | None = None
        self._dropping: set[asyncio.Task[None]] = set()

    def _made(self) -> tuple[Any, Lease]:
        """Return a producer, and a lease of its own that lasts until it is ended."""
        producer, own = self._new_producer(), Lease(float("inf"), suspended)
        own.renewed(suspended())
        for lease in (self._lease, own):
            guard(producer.client, lease)
        return producer, own

    @property
    def client(self) -> Any:
        """The Kafka client that writes."""
        return self._producer.client

    async def start(self) -> None:
        """Connect; raises KafkaError."""
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect; bounded."""
        if self._dropping:
            await asyncio.wait(self._dropping)
        if self._replacing is not None:
            self._replacing.cancel()
            await asyncio.wait([self._replacing])
        await stopped(self._producer.stop())
        await stopped(self._producer.client.close())

    def create_batch(self) -> Batch:
        """Return an empty batch."""
        batch: Batch = self._producer.create_batch()
        return batch

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Awaitable[Appended]:
        """Queue a batch; the answer resolves when the broker has confirmed it."""
        if self._replacing is not None:
            await asyncio.shield(self._replacing)
        answer: Awaitable[Appended] = await self._producer.send_batch(batch, topic, partition=partition)
        return answer

    def abandon(self) -> None:
        """Write nothing more of what is not confirmed, whatever the lease says later: a new producer goes on."""
        old = self._producer
        if self._replacing is not None:
            self._replacing.cancel()  # else it would go on to connect a producer that is dropped
        self._own.ended()
        reset(old.client)
        self._producer, self._own = self._made()
        dropping = asyncio.create_task(ended(old, grace_seconds=0))
        self._dropping.add(dropping)
        dropping.add_done_callback(self._dropping.discard)
        self._replacing = asyncio.ensure_future(self._begun(self._producer))

    async def _begun(self, producer: Any) -> None:
        while True:
            try:
                return await producer.start()  # type: ignore[no-any-return]  # aiokafka is untyped
            except KafkaError as error:
                log.warning("activation's new producer cannot connect, and tries again: %s", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)
