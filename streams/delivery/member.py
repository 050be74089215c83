"""A destination's member of its group: a consumer whose commits, positions and pauses are entirely ours."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from streams.brokers import Brokers
from streams.delivery.windows import Mark
from streams.exports import delivery_group, exports_topic
from streams.groups import coordinator
from streams.groups.binding import bind, reaches
from streams.groups.clock import suspended
from streams.groups.gaps import Found, Partition
from streams.groups.journal import Journal
from streams.groups.lease import Lease
from streams.stopping import stopped

METADATA_MAX_AGE_MS = 30_000
"""How soon it is noticed that the topic has more partitions."""
HEARTBEATS_PER_SESSION = 5
FETCH_BYTES, PARTITION_FETCH_BYTES = 8 * 1024 * 1024, 512 * 1024
"""What a consumer fetches at a time, and of a partition: so much it holds beside what is pending. A single batch may be
larger."""

Batches = dict[TopicPartition, list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How deliveries of an app reach Kafka, and their times; *client* goes to each Kafka client as it is.

    Without a *journal*, which must be started, it is not remembered which partitions a group has begun with: one
    without a commit is begun with anew.
    """

    app: str
    brokers: Brokers
    journal: Journal | None = None
    session_timeout_seconds: float = 45.0
    commit_interval_seconds: float = 1.0
    drain_seconds: float = 3.0
    client: tuple[tuple[str, Any], ...] = ()

    def lease(self) -> Lease:
        """Return the lease of one member, not held yet."""
        return Lease(self.session_timeout_seconds, suspended)


def new_consumer(connection: Connection, group: str) -> AIOKafkaConsumer:
    """Return a member's consumer: it neither commits nor finds an offset by itself."""
    session_ms = int(connection.session_timeout_seconds * 1000)
    return connection.brokers.consumer(
        group_id=group,
        client_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=min(3_000, session_ms // HEARTBEATS_PER_SESSION),
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        **dict(connection.client),
    )


class Member:
    """One member of the group of *incarnation*, from ``start`` to ``stop``; the group's answers keep up its *lease*."""

    def __init__(self, connection: Connection, incarnation: str, lease: Lease) -> None:
        self._topic = exports_topic(connection.app, incarnation)
        self.group = delivery_group(connection.app, incarnation)
        self._consumer, self._lease = new_consumer(connection, self.group), lease
        self._paused: set[TopicPartition] = set()
        self._ends: dict[Partition, int] = {}

    @property
    def may_write(self) -> bool:
        """Whether a commit would be written now: without the lease it would only be waited for in vain."""
        return self._lease.held

    async def start(self) -> None:
        """Connect; raises KafkaError if the broker cannot be reached."""
        await self._consumer.start()
        bind(self._consumer, self._lease)

    async def stop(self) -> None:
        """Leave the group and disconnect, in bounded time."""
        await stopped(self._consumer.stop())

    @property
    def partition_count(self) -> int:
        """How many partitions the topic has, as far as it is known."""
        return len(self._consumer.partitions_for_topic(self._topic) or ())

    async def sees_topic(self) -> bool:
        """Whether the topic is there."""
        return self._topic in await self._consumer.topics()

    def join(self, listener: ConsumerRebalanceListener) -> None:
        """Join the group; *listener* is told what is assigned and revoked."""
        self._consumer.subscribe([self._topic], listener=listener)

    async def poll(self, timeout_ms: int, most: int) -> Batches:
        """Return what is fetched; raises KafkaError, ConsumerStoppedError."""
        return await self._consumer.getmany(  # type: ignore[no-any-return]  # untyped
            timeout_ms=timeout_ms, max_records=most
        )

    def hold(self, assigned: Collection[TopicPartition]) -> None:
        """Fetch nothing of what was just assigned, wherever its offsets stand, until each partition is sought."""
        for partition in assigned:
            self._consumer.seek(partition, 0)  # a position of ours, so that it looks for none by itself
        self._consumer.pause(*assigned)
        self._paused = set(assigned)

    def seek(self, partition: Partition, offset: int) -> None:
        """Go on at *offset*; what is fetched ahead is forgotten. Raises KafkaError if it is not assigned."""
        self._consumer.seek(TopicPartition(*partition), offset)

    def fetch_all_but(self, wanted: Iterable[TopicPartition]) -> None:
        """Fetch all assigned partitions but *wanted*; a pause drops what is prefetched, so it comes after a wait."""
        paused = set(wanted)
        if paused == self._paused:
            return
        assigned = self._consumer.assignment()
        self._consumer.pause(*(paused & assigned) - self._paused)
        self._consumer.resume(*(self._paused & assigned) - paused)
        self._paused = paused

    async def found(self, partitions: Collection[Partition]) -> Mapping[Partition, Found]:
        """Return what the broker knows of each partition."""
        answer = await coordinator.found(self._consumer, partitions)
        self._ends.update({partition: each.end for partition, each in answer.items()})
        return answer

    async def reaches(self, partition: Partition, offset: int) -> bool:
        """Whether a partition that was found goes as far as *offset*."""
        return await reaches(self._consumer, partition, offset, self._ends[partition])

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit offsets alone; raises KafkaError, CommitFailedError once the assignment is over."""
        await self._consumer.commit({TopicPartition(*each): offset for each, offset in offsets.items()})

    async def commit_marks(self, marks: Mapping[TopicPartition, Mark]) -> None:
        """Commit offsets, each with what has ended above it; raises as ``commit``."""
        await self._consumer.commit(
            {partition: OffsetAndMetadata(mark.offset, mark.metadata) for partition, mark in marks.items()}
        )
