"""While the lease has lapsed nothing is written that needs it; afterwards all goes on, in order and once.

So it is in the clear and over TLS.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.protocol.produce import ProduceRequest

from streams.brokers import Brokers
from streams.groups.lease import Lease
from streams.groups.sockets import guard, reset, watch
from tests.brokers import kafka as real
from tests.brokers.client import Client
from tests.brokers.secured import Secured
from tests.reaching import secured_brokers
from tests.waiting import until

SESSION_SECONDS = 10.0


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lease(clock: Clock) -> Lease:
    """A lease that is held until the clock is set to 8 or later."""
    lease = Lease(SESSION_SECONDS, clock)
    lease.renewed(0)
    return lease


@dataclass(frozen=True)
class Place:
    """A broker, what the code under test reaches it by, and a test's own view of it."""

    broker: real.Kafka
    brokers: Brokers
    client: Client


@pytest.fixture(params=["in the clear", "over TLS"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "in the clear":
        kafka: real.Kafka = request.getfixturevalue("kafka")
        return Place(kafka, Brokers((kafka.bootstrap,)), Client(kafka.bootstrap))
    secured: Secured = request.getfixturevalue("secured")
    return Place(secured.node, secured_brokers(secured, "SASL_SSL"), secured.client)


@pytest.fixture
def client(place: Place) -> Client:
    return place.client


@pytest.fixture
async def topic(client: Client, unique: str) -> str:
    return await client.create_topic(unique, 1, max_message_bytes="8000000")


@pytest.fixture
async def producer(place: Place) -> AsyncIterator[Any]:
    producer = place.brokers.producer(acks="all", enable_idempotence=True, max_request_size=8_000_000)
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


class Refusals:
    """Counts what a guard refused."""

    def __init__(self, lease: Lease) -> None:
        self._lease, self.count = lease, 0

    @property
    def held(self) -> bool:
        """Whether the lease is held; each "no" is counted."""
        held = self._lease.held
        self.count += not held
        return held


@pytest.mark.kafka
async def test_a_producer_writes_nothing_while_the_lease_has_lapsed_and_goes_on_in_order_and_once_when_it_is_renewed(
    client: Client, topic: str, producer: Any, clock: Clock, lease: Lease
) -> None:
    refusals = Refusals(lease)
    guard(producer.client, refusals)  # type: ignore[arg-type]  # it has what a guard asks for
    values = [b"%d" % number for number in range(300)]
    await producer.send_and_wait(topic, values[0], partition=0)

    clock.now = 9
    sent = [await producer.send(topic, value, partition=0) for value in values[1:]]
    await until(lambda: refusals.count > 3)
    assert await client.end_offsets(topic) == {0: 1}
    assert not any(each.done() for each in sent)

    lease.renewed(9)
    await asyncio.wait_for(asyncio.gather(*sent), 90)
    assert [record.value for record in await client.read(topic)] == values


@pytest.mark.kafka
async def test_a_reset_in_the_middle_loses_nothing_doubles_nothing_and_keeps_the_order(
    client: Client, topic: str, producer: Any, lease: Lease
) -> None:
    guard(producer.client, lease)
    values = [b"%d" % number for number in range(3_000)]
    sent = []
    for number, value in enumerate(values):
        sent.append(await producer.send(topic, value, partition=0))
        if number % 500 == 250:
            reset(producer.client)
            await asyncio.sleep(0)

    await asyncio.wait_for(asyncio.gather(*sent), 60)
    assert [record.value for record in await client.read(topic)] == values


@pytest.mark.kafka
async def test_commits_are_writes_and_reads_are_not(
    place: Place, client: Client, topic: str, unique: str, clock: Clock, lease: Lease
) -> None:
    await client.produce(topic, [(b"k", b"v")])
    tp = TopicPartition(topic, 0)
    async with place.brokers.consumer(group_id=unique, enable_auto_commit=False) as consumer:
        consumer.assign([tp])
        consumer.seek(tp, 0)
        refusals = Refusals(lease)
        guard(consumer._client, refusals)  # type: ignore[arg-type]  # it has what a guard asks for
        clock.now = 9
        commit = asyncio.create_task(consumer.commit({tp: 1}))
        await until(lambda: refusals.count > 1)
        assert await consumer.end_offsets([tp]) == {tp: 1}
        assert len((await consumer.getmany(timeout_ms=5_000))[tp]) == 1
        assert not commit.done()
        assert await client.committed(unique, topic) == {}

        lease.renewed(9)
        await asyncio.wait_for(commit, 90)

    assert await client.committed(unique, topic) == {0: 1}


@pytest.mark.kafka
@pytest.mark.parametrize("size", [500_000, 6_000_000], ids=["in the kernel's buffer", "in ours, too"])
async def test_a_frozen_broker_never_gets_what_was_on_its_way_when_the_lease_lapsed(
    place: Place, client: Client, topic: str, producer: Any, clock: Clock, lease: Lease, size: int
) -> None:
    guard(producer.client, lease)
    await producer.send_and_wait(topic, b"first", partition=0)
    watching = asyncio.create_task(watch(lease, lambda: [producer.client]))
    await asyncio.to_thread(place.broker.freeze)
    try:
        sent = await producer.send(topic, b"x" * size, partition=0)
        await until(lambda: _awaited(producer) > 0)
        on_its_way = _sockets(producer)
        clock.now = 9
        await until(lambda: all(each.fileno() < 0 for each in on_its_way))  # the loop closes them in its next turn
        assert _awaited(producer) == 0
        await asyncio.to_thread(place.broker.thaw)
        await client.produce(topic, [(b"k", b"of the new owner")], partition=0)
        assert [len(record.value) for record in await client.read(topic)] == [5, 16]
    finally:
        await asyncio.to_thread(place.broker.thaw)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        lease.renewed(9)

    await asyncio.wait_for(sent, 90)
    assert [len(record.value) for record in await client.read(topic)] == [5, 16, size]


def _sockets(producer: Any) -> list[Any]:
    """Return the sockets of all connections; one that is closed has no number."""
    return [each._writer.transport.get_extra_info("socket") for each in producer.client._conns.values()]


def _awaited(producer: Any) -> int:
    """Return how many produce requests wait for their answer."""
    requests = [each for connection in producer.client._conns.values() for each in connection._requests]
    return sum(request.API_KEY == ProduceRequest.API_KEY for _, request, _ in requests)


class Told:
    """A client that tells when its connections were looked at, to be reset."""

    def __init__(self) -> None:
        self.resets = 0

    @property
    def _conns(self) -> dict[int, Any]:
        self.resets += 1
        return {}


async def test_the_watch_resets_once_for_each_lapse_and_not_before_the_lease_was_held(clock: Clock) -> None:
    lease, client = Lease(SESSION_SECONDS, clock), Told()
    clients: Any = [client]
    looked = 0

    async def sleep(seconds: float) -> None:
        nonlocal looked
        looked += 1
        await asyncio.sleep(seconds / 10)

    async def looks() -> int:
        wanted = looked + 2
        await until(lambda: looked >= wanted)
        return client.resets

    watching = asyncio.create_task(watch(lease, lambda: clients, sleep))
    assert await looks() == 0
    lease.renewed(0)
    assert await looks() == 0
    clock.now = 9
    assert await looks() == 1
    assert await looks() == 1
    lease.renewed(9)
    assert await looks() == 1
    lease.ended()
    assert await looks() == 2
    watching.cancel()
