"""Members of a consumer group on a real Kafka, and journals, each ended with its block."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.brokers import Brokers
from streams.groups import coordinator
from streams.groups.clock import suspended
from streams.groups.gaps import Found, Partition
from streams.groups.journal import Journal
from streams.groups.lease import Lease
from tests.waiting import until

SESSION_SECONDS = 6.0


class ToldLease(Lease):
    """A lease that remembers what it was told, and hears nothing while it is *deaf*."""

    def __init__(self) -> None:
        super().__init__(SESSION_SECONDS, suspended)
        self.deaf = False
        self.renewals: list[tuple[float, float]] = []
        """When each answered request was sent, and when it was answered."""
        self.ends = 0

    def renewed(self, sent_at: float) -> None:
        """Note a renewal."""
        self.renewals.append((sent_at, suspended()))
        if not self.deaf:
            super().renewed(sent_at)

    def ended(self) -> None:
        """Note an end."""
        self.ends += 1
        super().ended()


class Member:
    """A consumer that joins *group* and keeps a lease."""

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        self.group, self.topic = group, topic
        self.lease = ToldLease()
        self.consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            session_timeout_ms=int(SESSION_SECONDS * 1000),
            heartbeat_interval_ms=200,
            metadata_max_age_ms=1000,
        )

    async def join(self, partitions: int | None = None) -> None:
        """Start, keep the lease and wait until partitions are assigned, *partitions* of them if that is given."""
        await self.consumer.start()
        coordinator.keep_lease(self.consumer, self.lease, suspended)
        self.consumer.subscribe([self.topic])
        await self.assigned(partitions)

    async def assigned(self, partitions: int | None = None) -> None:
        """Wait until partitions are assigned."""
        await until(lambda: self._has(partitions), 20, what="the assignment")

    def _has(self, partitions: int | None) -> bool:
        assigned = len(self.consumer.assignment())
        return assigned > 0 and partitions in {None, assigned}

    @property
    def partitions(self) -> list[Partition]:
        """What is assigned."""
        return sorted((each.topic, each.partition) for each in self.consumer.assignment())

    async def found(self, partitions: Collection[Partition]) -> Mapping[Partition, Found]:
        """Return what the broker knows."""
        return await coordinator.found(self.consumer, partitions)

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit as a member."""
        await self.consumer.commit({TopicPartition(*each): offset for each, offset in offsets.items()})


@asynccontextmanager
async def joined(bootstrap: str, group: str, topic: str) -> AsyncIterator[Member]:
    """Lend a member that has its partitions."""
    member = Member(bootstrap, group, topic)
    try:
        await member.join()
        yield member
    finally:
        await member.consumer.stop()


@asynccontextmanager
async def following(brokers: Brokers, topic: str, kind: type[Journal] = Journal) -> AsyncIterator[Journal]:
    """Lend a journal on a topic that exists."""
    journal = kind(brokers, topic)
    try:
        await journal.start()
        yield journal
    finally:
        await journal.stop()
