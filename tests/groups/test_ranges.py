"""A log is only believed to be shorter where its leader says so."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    KafkaError,
    NoError,
    NotLeaderForPartitionError,
    OffsetOutOfRangeError,
    ReplicaNotAvailableError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from streams.groups.ranges import believed_end

P0 = TopicPartition("orders", 0)
STORAGE_ERROR = for_code(56)


class Brokers:
    """Two nodes: the first leads until it is asked who does, and answers fetches with *errors*, one after the other."""

    def __init__(self, errors: Iterable[type[KafkaError]], leaders: Iterable[int | None] = (1, 2)) -> None:
        self._errors, self._leaders = iter(errors), iter(leaders)
        self.cluster = self
        self.asked: list[int] = []
        self._leader = next(self._leaders)

    def leader_for_partition(self, partition: TopicPartition) -> int | None:
        return self._leader

    async def force_metadata_update(self) -> bool:
        self._leader = next(self._leaders, self._leader)
        return True

    async def send(self, node: int, request: Any) -> Any:
        self.asked.append(node)
        return SimpleNamespace(topics=[(P0.topic, [(0, next(self._errors).errno, 0, 0, [], b"")])])


async def the_end(brokers: Brokers) -> int:
    return await believed_end(cast("Any", brokers), P0, 105, 100)


@pytest.mark.parametrize(
    "error",
    [NotLeaderForPartitionError, UnknownTopicOrPartitionError, STORAGE_ERROR, ReplicaNotAvailableError],
    ids=lambda error: error.__name__,
)
async def test_a_leader_that_moved_says_nothing_of_the_end_and_the_new_one_is_asked(error: type[KafkaError]) -> None:
    brokers = Brokers([error, NoError])

    assert await the_end(brokers) == 105
    assert brokers.asked == [1, 2]


@pytest.mark.parametrize("unknown", [None, -1])
async def test_a_partition_without_a_leader_is_waited_for(unknown: int | None) -> None:
    brokers = Brokers([OffsetOutOfRangeError], [unknown, 2])

    assert await the_end(brokers) == 100
    assert brokers.asked == [2]


async def test_what_a_retry_cannot_mend_is_raised() -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await the_end(Brokers([TopicAuthorizationFailedError]))
