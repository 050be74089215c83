"""The group's offsets under one assignment: found, committed and sought by the member, in the consumer thread's loop.

It knows aiokafka's internals. What belongs to an assignment that is over is refused: a commit that is tried again
after a rebalance would go out under the new generation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError, KafkaTimeoutError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import OffsetAndMetadata

from streams.groups.coordinator import found
from streams.groups.gaps import Found, Partition

if TYPE_CHECKING:
    from streams.engine.thread import ConsumerThread

T = TypeVar("T")

RETRY_SECONDS = 1.0
PROBES, PROBE_MS, PROBE_BYTES = 3, 500, 1024
"""A broker may answer with nothing although there is something: it reads from remote storage in the background."""


def passes(error: KafkaError) -> bool:
    """Whether a failure ends by itself: a broker that does not answer in time comes back like one that refuses."""
    return bool(error.retriable) or isinstance(error, (CommitFailedError, KafkaTimeoutError))


class MemberOffsets:
    """Of the assignment that is in force when it is made; its methods are called from the main loop."""

    def __init__(self, thread: ConsumerThread) -> None:
        self._thread = thread
        self._consumer: Any = thread.aiokafka
        self._assignment = self._consumer._subscription.subscription.assignment
        self.ends: dict[Partition, int] = {}
        """Each partition's end when it was last found."""

    async def found(self, partitions: Collection[Partition]) -> Mapping[Partition, Found]:
        """Return what the broker knows of each partition."""
        answer = await self._thread.run(found(self._consumer, partitions))
        self.ends.update({partition: each.end for partition, each in answer.items()})
        return answer

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit as a member of the group; raises KafkaError, CommitFailedError once the assignment is over."""
        await self._thread.run(self._commit(offsets))

    async def _commit(self, offsets: Mapping[Partition, int]) -> None:
        self._check()
        committed = {TopicPartition(*each): OffsetAndMetadata(offset, "") for each, offset in offsets.items()}
        await self._consumer._coordinator.commit_offsets(self._assignment, committed)

    async def seek(self, offsets: Mapping[Partition, int]) -> None:
        """Read each partition on from an offset; what was fetched ahead is forgotten, and so is an error of it."""
        await self._thread.run(self._seek(offsets))

    async def _seek(self, offsets: Mapping[Partition, int]) -> None:
        self._check()
        for partition, offset in offsets.items():
            self._consumer.seek(TopicPartition(*partition), offset)

    async def positions(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return where each partition is read on; consistent with what was handed on while no fetch is under way."""
        return await self._thread.run(self._positions(partitions))

    async def _positions(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        self._check()
        states = {each: self._assignment.state_value(TopicPartition(*each)) for each in partitions}
        return {
            each: state.position for each, state in states.items() if state is not None and state.has_valid_position
        }

    async def exhausted(self, partition: Partition, position: int) -> bool:
        """Whether the broker has nothing to read at *position*, asked for this partition alone."""
        return await self._thread.run(self._exhausted(TopicPartition(*partition), position))

    async def _exhausted(self, partition: TopicPartition, position: int) -> bool:
        for _ in range(PROBES):
            self._check()
            if not await self._is_empty(partition, position):
                return False
        return True

    async def _is_empty(self, partition: TopicPartition, position: int) -> bool:
        client, isolation = self._consumer._client, self._consumer._fetcher._isolation_level
        topics = [(partition.topic, [(partition.partition, position, PROBE_BYTES)])]
        request = FetchRequest(PROBE_MS, 1, PROBE_BYTES, isolation, topics, rack_id="")
        answer = await client.send(client.cluster.leader_for_partition(partition), request)
        ((_, ((_, error, end, *more, records),)),) = answer.topics
        is_hidden = bool(more) and 0 <= more[0] < end  # behind the last stable offset: a transaction is open
        return not error and not records and not is_hidden

    async def persist(self, attempt: Callable[[], Awaitable[T]]) -> T | None:
        """Try until it is done; None once the assignment is over. Raises KafkaError where a retry cannot mend it."""
        told = None
        while self.in_force:
            try:
                return await attempt()
            except KafkaError as error:
                if not passes(error):
                    raise
                if type(error) is not told:
                    structlog.get_logger().warning("offsets.waiting", why=type(error).__name__)
                told = type(error)
            await asyncio.sleep(RETRY_SECONDS)
        return None

    @property
    def in_force(self) -> bool:
        """Whether the assignment is not over."""
        return bool(self._assignment.active)

    def _check(self) -> None:
        if not self.in_force:
            raise CommitFailedError("the assignment that this was meant for is over")
