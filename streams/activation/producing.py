"""Activation's producer: one at a time, and a new one where what the old one holds must never be written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.metadata import MetadataRequest

from streams.activation.answers import MISSING, Appended, reason_of
from streams.activation.outlets import Batch
from streams.groups.clock import suspended
from streams.groups.lease import Lease
from streams.groups.producers import ended
from streams.groups.sockets import guard, reset
from streams.stopping import stopped

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
ASK_SECONDS = 3.0
"""How long a broker may take to say whether a topic is there."""


async def _sent_when_known(producer: Any, batch: Batch, topic: str, partition: int) -> Appended:
    """Send a batch to a partition that the producer does not know yet: that may take long, or for ever."""
    while partition not in await producer.partitions_for(topic):
        await producer.client.force_metadata_update()
        await asyncio.sleep(RETRY_SECONDS)
    appended: Appended = await (await producer.send_batch(batch, topic, partition=partition))
    return appended


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
        producer = self._producer
        if partition not in (producer.client.cluster.partitions_for_topic(topic) or ()):
            return asyncio.ensure_future(_sent_when_known(producer, batch, topic, partition))
        answer: Awaitable[Appended] = await producer.send_batch(batch, topic, partition=partition)
        return answer

    async def refusal(self, topic: str, partition: int | None = None) -> str | None:
        """Ask a broker why *topic*, or the one partition of it, would refuse what is written to it.

        None where it would not, as far as one can know without writing, or where nobody can be asked now.
        """
        try:
            async with asyncio.timeout(ASK_SECONDS):
                if self._replacing is not None:
                    await asyncio.shield(self._replacing)
                client = self._producer.client
                answer = await client.send(client.get_random_node(), MetadataRequest([topic], False))
        except (KafkaError, TimeoutError, OSError):
            return None
        (found,) = answer.topics
        if found[0] == 0:
            return MISSING if partition is not None and partition not in [each[1] for each in found[-1]] else None
        return reason_of(for_code(found[0]))

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
