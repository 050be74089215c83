"""What a delivery tells of itself while partitions go and come, and when they are gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import ConsumerRebalanceListener, TopicPartition

from streams.delivery.service import Delivery
from streams.reporting import queues
from streams.status.snapshot import Stages
from streams.status.unfetched import Queue
from tests.brokers.client import Client
from tests.deliverables import RecordingTelemetry
from tests.delivery.benches import Bench, a_bench
from tests.waiting import until

pytestmark = pytest.mark.kafka


async def test_a_fault_of_the_endpoint_goes_with_the_partitions(client: Client, unique: str) -> None:
    async with a_bench(client, unique, partitions=1) as bench:
        bench.sink.statuses["bad"] = 403
        telemetry = RecordingTelemetry()
        first = await bench.deliver(telemetry)
        await bench.feed.send(["bad"])
        await until(lambda: telemetry.states[-1:] == [("faulted", "forbidden")], seconds=30, what="the fault")
        members = [first]
        while first.partitions:
            members.append(await bench.deliver())
            await until(lambda: all(each.begun for each in members), seconds=30, what="the rebalance")

        await until(lambda: telemetry.states[-1] == ("activated", ""), what="the end of the fault")


async def test_a_topic_that_is_deleted_is_missed(client: Client, unique: str) -> None:
    async with a_bench(client, unique, partitions=1) as bench:
        telemetry = RecordingTelemetry()
        await bench.deliver(telemetry)
        await until(lambda: telemetry.states == [("activated", "")], seconds=30, what="the assignment")
        await client.delete_topics(bench.topic)

        await until(lambda: telemetry.states[-1] == ("faulted", "topic-missing"), seconds=60, what="the fault")


class Slow(ConsumerRebalanceListener):  # type: ignore[misc]  # untyped
    """Holds a rebalance up until it is told to let it go on."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        if revoked:
            await self.goes_on.wait()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Nothing is fetched."""


@asynccontextmanager
async def held_up(bench: Bench, delivery: Delivery) -> AsyncIterator[None]:
    """Let *delivery*, which has partitions, wait in a rebalance for a member that does not join again."""
    slow = Slow()
    async with bench.client.consumer(group_id=bench.group, auto_offset_reset="earliest") as consumer:
        consumer.subscribe([bench.topic], listener=slow)
        await until(lambda: bool(consumer.assignment()) and len(delivery.partitions) == 1, seconds=30, what="the split")
        await bench.deliver()
        try:
            await until(lambda: not delivery.begun, seconds=30, what="the revocation")
            yield
        finally:
            slow.goes_on.set()


async def test_while_a_rebalance_lasts_no_poll_is_missed_and_the_whole_queue_is_looked_at(
    client: Client, unique: str
) -> None:
    async with a_bench(client, unique, partitions=2) as bench:
        delivery = await bench.deliver()
        await until(lambda: delivery.partitions == {0, 1}, seconds=30, what="the assignment")
        living = SimpleNamespace(live=[delivery], destinations=[bench.destination])
        stages = Stages(deliveries=cast("Any", living))
        assert list(queues(bench.app, stages)) == [Queue(bench.topic, bench.group, frozenset({0, 1}))]

        async with held_up(bench, delivery):
            await asyncio.sleep(1.0)  # longer than a poll that was under way, unless the machine is busy
            await until(lambda: delivery.polled_at is None, seconds=30, what="that no poll is missed")
            assert list(queues(bench.app, stages)) == [Queue(bench.topic, bench.group, None)]


async def test_members_share_what_may_be_open_by_their_partitions(client: Client, unique: str) -> None:
    async with a_bench(client, unique, partitions=3, max_in_flight=6) as bench:
        members = [await bench.deliver(), await bench.deliver()]
        await until(lambda: sorted(len(each.partitions) for each in members) == [1, 2], seconds=30, what="the split")
        keys = [f"p{number}" for number in range(60)]
        bench.sink.hung = {key: asyncio.Event() for key in keys}
        await bench.feed.send(keys)
        await until(lambda: bench.sink.open == 6, seconds=30, what="all that may be open")
        open_by_partitions = {len(each.partitions): each.in_flight for each in members}
        for event in bench.sink.hung.values():
            event.set()
        await bench.has_arrived(60)

    assert open_by_partitions == {1: 2, 2: 4}
    assert bench.sink.repeated == 0
