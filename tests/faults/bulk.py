"""Many records at once: batches by partition, with the position of each as the broker confirmed it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

Pair = tuple[bytes, bytes]
BATCH_BYTES = 512 * 1024
UNDER_WAY = 16
"""Batches that are sent and not confirmed, so that memory stays bounded."""


class Bulk:
    """Appends records to one topic; ``placed`` has (index, partition, offset) of each that is confirmed."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, partitions: int) -> None:
        self._producer, self._topic = producer, topic
        self._numbers = list(range(partitions))
        self._partition_of = DefaultPartitioner()
        self._open: dict[int, tuple[Any, list[int]]] = {}
        self._sent: set[asyncio.Task[None]] = set()
        self.placed: list[tuple[int, int, int]] = []

    async def append(self, index: int, pair: Pair) -> None:
        """Put a record into the batch of its partition; a full one is sent."""
        key, value = pair
        partition = self._partition_of(key, self._numbers, self._numbers)
        batch, indices = self._open.get(partition) or self._begin(partition)
        if batch.append(key=key, value=value, timestamp=None) is None:
            await self._send(partition)
            batch, indices = self._begin(partition)
            assert batch.append(key=key, value=value, timestamp=None) is not None, "a record larger than a batch"
        indices.append(index)

    async def flush(self) -> None:
        """Send what is left, and wait until all is confirmed."""
        for partition in list(self._open):
            await self._send(partition)
        await asyncio.gather(*self._sent)

    def _begin(self, partition: int) -> tuple[Any, list[int]]:
        self._open[partition] = (self._producer.create_batch(), [])
        return self._open[partition]

    async def _send(self, partition: int) -> None:
        batch, indices = self._open.pop(partition)
        batch.close()
        sent = await self._producer.send_batch(batch, self._topic, partition=partition)
        task = asyncio.create_task(self._confirmed(sent, partition, indices))
        self._sent.add(task)
        if len(self._sent) >= UNDER_WAY:
            done, self._sent = await asyncio.wait(self._sent, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()

    async def _confirmed(self, sent: asyncio.Future[Any], partition: int, indices: list[int]) -> None:
        base = (await sent).offset
        self.placed += [(index, partition, base + place) for place, index in enumerate(indices)]


@asynccontextmanager
async def _producing(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def write(bootstrap: str, topic: str, partitions: int, pairs: Iterable[Pair]) -> list[tuple[int, int, int]]:
    """Write the pairs in order, and return (index, partition, offset) of each."""
    async with _producing(bootstrap) as producer:
        bulk = Bulk(producer, topic, partitions)
        for index, pair in enumerate(pairs):
            await bulk.append(index, pair)
        await bulk.flush()
    return bulk.placed
