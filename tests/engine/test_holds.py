"""A partition that is held is neither taken nor prefetched, for as long as anything keeps it, and loses nothing."""

from __future__ import annotations

import pytest
from aiokafka import TopicPartition

from streams.engine.holds import Holds, Why
from tests.brokers.client import Client
from tests.engine.fakes import TP0, FakeThread, engine_consumer
from tests.engine.running import Seen, engine_on, started, topics_for
from tests.waiting import until

P, Q = ("t", 0), ("t", 1)


def test_a_partition_is_held_until_nothing_keeps_it() -> None:
    holds = Holds()

    assert holds.hold([P, Q], Why.GATE) == [P, Q]
    assert holds.hold([P], Why.GAP) == []
    assert holds.let_go([P, Q], Why.GATE) == [Q]
    assert (P in holds, Q in holds) == (True, False)
    assert holds.let_go([P], Why.GAP) == [P]
    assert not holds.all


def test_letting_go_of_what_is_not_held_changes_nothing() -> None:
    assert Holds().let_go([P], Why.GAP) == []


async def test_a_held_partition_is_not_fetched() -> None:
    consumer = engine_consumer(FakeThread())
    consumer.hold([TP0], Why.GAP)
    held = consumer._fetchable()
    consumer.let_go([TP0], Why.GAP)

    assert (held, consumer._fetchable()) == (frozenset(), frozenset({TP0}))


@pytest.mark.kafka
async def test_what_is_held_again_and_again_loses_and_repeats_nothing(client: Client, unique: str) -> None:
    source, _ = await topics_for(client, unique, 2)
    engine = engine_on(client, unique, partitions=2, max_poll_records=7)
    seen = Seen(engine)
    engine.consume(source, seen)
    for number in range(2):
        await client.produce(source, [(b"k", b"%d" % n) for n in range(3_000)], partition=number)
    async with started(engine.app):
        await until(lambda: engine.ready, 20, "the start")
        consumer = engine.app.consumer
        for turn in range(40):
            other = 1 - turn % 2
            enough = min(3_000, sum(each.partition == other for each in seen.messages) + 20)
            consumer.hold([(source, turn % 2)], Why.GAP)
            await until(
                lambda other=other, enough=enough: sum(each.partition == other for each in seen.messages) >= enough,
                20,
                "the other partition",
            )
            consumer.let_go([(source, turn % 2)], Why.GAP)
        await until(lambda: len(seen.messages) >= 6_000, 30, "all records")

    offsets = [[each.offset for each in seen.messages if each.partition == number] for number in range(2)]
    assert offsets == [list(range(3_000))] * 2


@pytest.mark.kafka
async def test_a_held_partition_is_not_even_prefetched(client: Client, unique: str) -> None:
    source, _ = await topics_for(client, unique, 2)
    engine = engine_on(client, unique, partitions=2)
    seen = Seen(engine)
    engine.consume(source, seen)
    async with started(engine.app):
        await until(lambda: engine.ready, 20, "the start")
        engine.app.consumer.hold([(source, 0)], Why.GAP)
        for number in range(2):
            await client.produce(source, [(b"k", b"held" if number == 0 else b"free")], partition=number)
        await until(lambda: seen.values == [b"free"], 20, "the other partition")
        records = engine.app.consumer._thread._consumer._fetcher._records
        prefetched = TopicPartition(source, 0) in records
        engine.app.consumer.let_go([(source, 0)], Why.GAP)
        await until(lambda: len(seen.values) == 2, 20, "what was held")

    assert not prefetched
