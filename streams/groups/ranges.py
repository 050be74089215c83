"""Where a partition ends, in case of doubt: asked the way a consumer reads, not only by the list of offsets.

A list that ends below what is committed would let a partition stand still. After an election it may for a moment, and
the embedded broker's does behind a batch of several records; neither refuses to read on there.
"""

from __future__ import annotations

import asyncio

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    LeaderNotAvailableError,
    NoError,
    OffsetOutOfRangeError,
    ReplicaNotAvailableError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest

_RETRY_SECONDS = 0.1
_ALL_RECORDS = 0
_AT_ONCE, _LITTLE = 0, 1
_NO_LEADER = -1


async def believed_end(client: AIOKafkaClient, partition: TopicPartition, committed: int | None, listed: int) -> int:
    """Return *listed*, or *committed* where that is above it and the broker lets it be read on from there."""
    if committed is None or committed <= listed:
        return listed
    while True:
        try:
            return committed if await _is_readable(client, partition, committed) else listed
        except KafkaError as error:
            # The latter is passing, too, but aiokafka does not say so.
            if not (error.retriable or isinstance(error, ReplicaNotAvailableError)):
                raise
        await client.force_metadata_update()
        await asyncio.sleep(_RETRY_SECONDS)


async def _is_readable(client: AIOKafkaClient, partition: TopicPartition, offset: int) -> bool:
    leader = client.cluster.leader_for_partition(partition)
    if leader is None or leader == _NO_LEADER:
        raise LeaderNotAvailableError(partition)
    wanted = [(partition.topic, [(partition.partition, offset, _LITTLE)])]
    answer = await client.send(leader, FetchRequest(_AT_ONCE, 0, _LITTLE, _ALL_RECORDS, wanted))
    errors = {for_code(code) for _, partitions in answer.topics for _, code, *_ in partitions} - {NoError}
    for error in errors - {OffsetOutOfRangeError}:
        raise error(partition)  # it says nothing of the log: perhaps another node leads by now
    return not errors
