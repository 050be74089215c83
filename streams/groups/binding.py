"""What a room without knowledge of aiokafka's internals asks of its consumer beyond the public methods."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.groups.clock import suspended
from streams.groups.coordinator import keep_lease
from streams.groups.gaps import Partition
from streams.groups.lease import Lease
from streams.groups.ranges import believed_end
from streams.groups.sockets import guard


def bind(consumer: AIOKafkaConsumer, lease: Lease) -> None:
    """Bind the started *consumer* to *lease*, whose clock is ``suspended``.

    The group's answers keep the lease up, and no commit is written without it.
    """
    keep_lease(consumer, lease, suspended)
    guard(consumer._client, lease)


async def reaches(consumer: AIOKafkaConsumer, partition: Partition, offset: int, listed: int) -> bool:
    """Whether the partition, which ends at *listed* by the list of offsets, goes as far as *offset*."""
    return await believed_end(consumer._client, TopicPartition(*partition), offset, listed) >= offset
