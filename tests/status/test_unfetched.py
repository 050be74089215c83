from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pytest
from aiokafka import TopicPartition

from streams.groups.gaps import Found, Partition
from streams.status.unfetched import Backlogs, Queue, Unfetched
from tests.brokers.client import Client
from tests.reaching import brokers_of
from tests.waiting import until

TOPIC, GROUP = "shop.exports.crm.1", "shop.delivery.crm.1"
OURS = Queue(TOPIC, GROUP, frozenset({0, 1}))


@dataclass
class Broker:
    """Two partitions, and a note of everything that was asked."""

    ends_: dict[int, int] = field(default_factory=lambda: {0: 5, 1: 5})
    committed: dict[int, int] = field(default_factory=lambda: {0: 5, 1: 5})
    asked: list[str] = field(default_factory=list)
    is_there: bool = True

    async def topics(self) -> dict[str, int]:
        self.asked.append("topics")
        return {TOPIC: 2} if self.is_there else {}

    async def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        self.asked.append("ends")
        if partitions and not self.is_there:
            raise TimeoutError
        return {each: self.ends_[each[1]] for each in partitions}

    async def found(self, groups: Mapping[str, Collection[Partition]]) -> dict[str, dict[Partition, Found]]:
        self.asked += [f"found {len(partitions)}" for partitions in groups.values()]
        return {
            group: {each: Found(self.committed.get(each[1]), 0, self.ends_[each[1]]) for each in partitions}
            for group, partitions in groups.items()
        }

    async def timestamps(self, positions: Mapping[Partition, int]) -> dict[Partition, int]:
        self.asked += [f"record {number}@{offset}" for (_, number), offset in positions.items()]
        return {each: 1_000 + offset for each, offset in positions.items()}


async def look(backlogs: Backlogs, broker: Broker, *queues: Queue, times: int = 1) -> list[str]:
    broker.asked.clear()
    for _ in range(times):
        await backlogs.look(broker, queues or [OURS])
    return list(broker.asked)


async def test_a_backlog_that_nobody_fetches_tells_its_oldest_records_time() -> None:
    backlogs, broker = Backlogs(), Broker(committed={0: 5, 1: 3})
    await look(backlogs, broker, times=2)

    assert backlogs.oldest(TOPIC) == 1_003
    broker.committed[1] = 5
    await look(backlogs, broker)
    assert backlogs.oldest(TOPIC) is None


async def test_what_moves_between_two_looks_is_no_backlog() -> None:
    backlogs, broker = Backlogs(), Broker(committed={0: 5, 1: 3})
    await look(backlogs, broker)
    broker.committed[1], broker.ends_[1] = 7, 9
    asked = await look(backlogs, broker)

    assert backlogs.oldest(TOPIC) is None
    assert not [each for each in asked if each.startswith("record")]


async def test_an_idle_queue_costs_its_share_of_one_request_a_look() -> None:
    backlogs, broker = Backlogs(), Broker()
    await look(backlogs, broker)

    assert await look(backlogs, broker) == ["ends"]


async def test_a_stuck_record_is_read_once() -> None:
    backlogs, broker = Backlogs(), Broker(committed={0: 5, 1: 3})
    asked = await look(backlogs, broker, times=5)

    assert [each for each in asked if each.startswith("record")] == ["record 1@3"]
    assert backlogs.oldest(TOPIC) == 1_003


async def test_a_destination_that_has_no_partitions_since_it_is_faulted_counts_all_of_its_queue() -> None:
    backlogs, broker = Backlogs(), Broker(committed={})
    await look(backlogs, broker, Queue(TOPIC, GROUP, None), times=2)

    assert backlogs.oldest(TOPIC) == 1_000


async def test_a_queue_that_is_looked_at_no_more_is_forgotten() -> None:
    backlogs, broker = Backlogs(), Broker(committed={0: 5, 1: 3})
    await look(backlogs, broker, times=2)
    await look(backlogs, broker, Queue("another", GROUP, frozenset()))

    assert backlogs.oldest(TOPIC) is None


async def test_a_topic_that_goes_away_hides_the_others_for_one_look_only() -> None:
    backlogs, broker = Backlogs(), Broker(is_there=False)
    with pytest.raises(TimeoutError):
        await look(backlogs, broker)

    assert await look(backlogs, broker) == ["topics", "ends"]


@pytest.mark.kafka
@pytest.mark.parametrize("partitions", [frozenset({0, 1}), None])
async def test_on_a_real_broker_a_backlog_is_dated_until_it_is_committed(
    client: Client, unique: str, partitions: frozenset[int] | None
) -> None:
    topic, group, oldest = await client.create_topic(unique, 2), f"{unique}.group", 1_700_000_000_000
    await client.produce(topic, [(b"k", b"{}")], partition=1, timestamp_ms=oldest - 60_000)
    await client.produce(topic, [(b"k", b"{}")] * 3, partition=1, timestamp_ms=oldest)
    async with client.consumer(group_id=group) as consumer:
        consumer.assign([TopicPartition(topic, 1)])
        await consumer.commit({TopicPartition(topic, 1): 1})
        async with Unfetched(brokers_of(client), lambda: [Queue(topic, group, partitions)], seconds=0.1) as unfetched:
            await until(lambda: unfetched.oldest(topic) == oldest, 20, what="the backlog is dated")
            await consumer.commit({TopicPartition(topic, 1): 4})
            await until(lambda: unfetched.oldest(topic) is None, 20, what="nothing waits any more")
