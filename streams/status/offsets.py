"""What the broker knows of queues and groups: ends, beginnings, commits, and how old an unread record is.

It reads without a group and commits nothing, so looking changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.brokers import Brokers
from streams.groups.binding import reaches
from streams.groups.gaps import Found, Partition
from streams.stopping import stopped

FETCH_BYTES = 64 * 1024
"""What a fetch of a partition may bring; a larger batch still comes, alone."""
RECORD_SECONDS = 3.0
"""How long the oldest records are waited for; a partition that holds none up to its end has none."""
GROUPS_AT_ONCE = 16

Reader = Callable[[], AbstractAsyncContextManager[AIOKafkaConsumer]]
"""Lends a consumer of its own to what reads records: another assignment would let the first forget its topics."""


class Offsets:
    """A view of one cluster; made by `looking`."""

    def __init__(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient, reader: Reader) -> None:
        self._consumer, self._admin, self._reader = consumer, admin, reader

    async def topics(self) -> dict[str, int]:
        """Return each topic and how many partitions it has."""
        described = await self._admin.describe_topics()
        return {each["topic"]: len(each["partitions"]) for each in described if each["error_code"] == 0}

    async def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return where each partition ends; the partitions must exist."""
        found = await self._consumer.end_offsets(self._known(partitions)) if partitions else {}
        return {tuple(each): offset for each, offset in found.items()}

    async def beginnings(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return where each partition begins; the partitions must exist."""
        found = await self._consumer.beginning_offsets(self._known(partitions)) if partitions else {}
        return {tuple(each): offset for each, offset in found.items()}

    def _known(self, partitions: Collection[Partition]) -> list[TopicPartition]:
        """Let the consumer learn all topics at once; by itself it asks for one after the other, 0.1 s each."""
        asked = [TopicPartition(*each) for each in partitions]
        if not {each.topic for each in asked} <= {each.topic for each in self._consumer.assignment()}:
            self._consumer.assign(asked)
            self._consumer.pause(*asked)
        return asked

    async def committed(self, groups: Mapping[str, Collection[Partition]]) -> dict[str, dict[Partition, int]]:
        """Return what each group has committed of its partitions; one without a commit is absent."""
        turn = asyncio.Semaphore(GROUPS_AT_ONCE)

        async def of(group: str) -> dict[Partition, int]:
            async with turn:  # asked by name: not every broker can list all that a group has committed
                found = await self._admin.list_consumer_group_offsets(group, partitions=list(groups[group]))
            return {tuple(each): it.offset for each, it in found.items() if it.offset >= 0}

        return dict(zip(groups, await asyncio.gather(*map(of, groups)), strict=True))

    async def found(self, groups: Mapping[str, Collection[Partition]]) -> dict[str, dict[Partition, Found]]:
        """Return what is known of each group and each of its partitions; the partitions must exist."""
        partitions = {each for of_group in groups.values() for each in of_group}
        # In the order of the offsets: what is written and committed meanwhile is then no gap.
        beginnings = await self.beginnings(partitions)
        committed = await self.committed(groups)
        ends = await self.ends(partitions)

        async def of(partition: Partition, offset: int | None) -> Found:
            return Found(offset, beginnings[partition], await self._end(partition, offset, ends[partition]))

        return {
            group: {each: await of(each, committed[group].get(each)) for each in of_group}
            for group, of_group in groups.items()
        }

    async def _end(self, partition: Partition, committed: int | None, listed: int) -> int:
        """Return where a partition ends; the list of ends alone is not believed that a commit lies above it."""
        if committed is None or committed <= listed or not await reaches(self._consumer, partition, committed, listed):
            return listed
        return committed

    async def timestamps(self, positions: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return the timestamp of the first record at or above each position, in milliseconds.

        A partition of which none comes in `RECORD_SECONDS` is absent.
        """
        timestamps = dict[Partition, int]()
        if not positions:
            return timestamps
        async with self._reader() as consumer:
            consumer.assign([TopicPartition(*each) for each in positions])
            for partition, offset in positions.items():
                consumer.seek(TopicPartition(*partition), offset)
            deadline = asyncio.get_running_loop().time() + RECORD_SECONDS
            while len(timestamps) < len(positions) and asyncio.get_running_loop().time() < deadline:
                for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                    timestamps.setdefault(tuple(partition), records[0].timestamp)
                    consumer.pause(partition)
        return timestamps

    async def read(self, topic: str) -> list[tuple[bytes, bytes | None]]:
        """Return the records of a topic's one partition up to the end it has now: key and value."""
        partition, rows = TopicPartition(topic, 0), list[tuple[bytes, bytes | None]]()
        end, position = (await self.ends([partition]))[partition], (await self.beginnings([partition]))[partition]
        async with self._reader() as consumer:
            consumer.assign([partition])
            consumer.seek(partition, position)
            while position < end:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    rows += [(record.key, record.value) for record in records if record.key is not None]
                position = await consumer.position(partition)
        return rows


@asynccontextmanager
async def looking(brokers: Brokers) -> AsyncIterator[Offsets]:
    """Look at a cluster; raises KafkaError where it cannot be reached."""
    admin = brokers.admin()
    try:
        await admin.start()
        async with _consumer(brokers) as consumer:
            yield Offsets(consumer, admin, lambda: _consumer(brokers))
    finally:
        await stopped(admin.close())


@asynccontextmanager
async def _consumer(brokers: Brokers) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = brokers.consumer(
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=200,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await stopped(consumer.stop())
