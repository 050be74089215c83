"""Watches the status topic: what the workers report, as it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.brokers import Brokers
from streams.status.reader import latest
from streams.status.shapes import Report
from streams.stopping import stopped

FETCH_MS = 200
"""How long the broker holds a fetch of nothing."""


class Watch:
    """The reports that stand; made by `watching`."""

    def __init__(self, consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
        self._consumer, self._partition = consumer, partition
        self._rows: dict[bytes, bytes | None] = {}

    @property
    def reports(self) -> Collection[Report]:
        """What the workers reported last, as far as it was read."""
        return latest(self._rows.items()).values()

    async def read(self, seconds: float) -> None:
        """Read what comes within so many *seconds*, and return as soon as something has come."""
        batches = await self._consumer.getmany(timeout_ms=int(seconds * 1000))
        for records in batches.values():
            self._rows |= {record.key: record.value for record in records if record.key is not None}

    async def read_to_the_end(self) -> None:
        """Read all that the topic holds at the call."""
        end = (await self._consumer.end_offsets([self._partition]))[self._partition]
        while await self._consumer.position(self._partition) < end:
            await self.read(1.0)


@asynccontextmanager
async def watching(brokers: Brokers, topic: str) -> AsyncIterator[Watch]:
    """Watch *topic*, which must exist, from its beginning; what it holds has been read when it is lent."""
    consumer = brokers.consumer(
        enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=FETCH_MS, client_id=f"{topic}-watch"
    )
    partition = TopicPartition(topic, 0)
    try:
        await consumer.start()
        consumer.assign([partition])
        watch = Watch(consumer, partition)
        await watch.read_to_the_end()
        yield watch
    finally:
        await stopped(consumer.stop())
