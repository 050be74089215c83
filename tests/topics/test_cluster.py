"""The cluster at start: awaited, asked, and given the topics that it lacks."""

from __future__ import annotations

import asyncio
import time

import pytest
import structlog

from streams.brokers import Brokers
from streams.demo.broker import EmbeddedBroker
from streams.topics import plan as topics
from streams.topics.cluster import ensure, partitions_of, wait_for_broker
from streams.topics.plan import Topic, TopicError
from tests.brokers.client import Client
from tests.brokers.processes import free_ports
from tests.reaching import brokers_of


def _ours(app: str, partitions: int) -> list[Topic]:
    return [
        topics.exports(app, "crm.1", partitions),
        topics.dead_letters(app, partitions),
        topics.changelog(app, partitions),
    ]


@pytest.mark.kafka
async def test_missing_topics_are_created_as_specified_and_found_right_the_next_time(
    client: Client, unique: str
) -> None:
    specs = _ours(unique, 3)

    created = await ensure(brokers_of(client), specs)
    again = await ensure(brokers_of(client), specs)

    assert (created, again) == ([spec.name for spec in specs], [])
    for spec in specs:
        assert await client.partitions(spec.name) == [0, 1, 2]
        assert (await client.config(spec.name)).items() >= spec.config.items()


@pytest.mark.embedded
async def test_missing_topics_are_created_on_the_embedded_broker_too(unique: str, embedded: EmbeddedBroker) -> None:
    client, specs = Client(embedded.bootstrap), _ours(unique, 3)

    created = await ensure(Brokers((embedded.bootstrap,)), specs)
    again = await ensure(Brokers((embedded.bootstrap,)), specs)

    assert (created, again) == ([spec.name for spec in specs], [])
    for spec in specs:
        assert await client.partitions(spec.name) == [0, 1, 2]
    assert await partitions_of(Brokers((embedded.bootstrap,)), [spec.name for spec in specs]) == 3


@pytest.mark.kafka
async def test_wrong_topics_are_all_told_at_once_and_then_nothing_is_created(client: Client, unique: str) -> None:
    queue, parked, state = _ours(unique, 3)
    await client.create_topic(queue.name, 2, retention_ms="1000")
    await client.create_topic(state.name, 3, cleanup_policy="delete")

    with pytest.raises(TopicError) as caught:
        await ensure(brokers_of(client), [queue, parked, state])

    told = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 5
    assert f"{queue.name} has max.message.bytes=1048588, expected 8388608" in told
    assert f"{queue.name} has 2 partitions, expected 3" in told
    assert f"{queue.name} has retention.ms=1000, expected -1" in told
    assert f"{state.name} has cleanup.policy=delete, expected compact" in told
    assert await client.partitions(parked.name) == []


@pytest.mark.kafka
async def test_what_may_not_be_created_is_told_with_the_command_that_does(client: Client, unique: str) -> None:
    specs = _ours(unique, 3)

    with pytest.raises(TopicError) as caught:
        await ensure(brokers_of(client), specs, create=False)

    assert len(caught.value.problems) == 3
    assert f"--create --topic {specs[0].name} --partitions 3" in caught.value.problems[0]
    assert await client.partitions(specs[0].name) == []


@pytest.mark.kafka
async def test_workers_that_create_the_same_topics_at_the_same_moment_all_succeed(client: Client, unique: str) -> None:
    specs = _ours(unique, 2)

    created = await asyncio.gather(*(ensure(brokers_of(client), specs) for _ in range(4)))

    assert sorted(name for names in created for name in names) == sorted(spec.name for spec in specs)


@pytest.mark.kafka
async def test_a_replication_that_the_cluster_cannot_give_is_told(client: Client, unique: str) -> None:
    with pytest.raises(TopicError, match=f"topic {unique}.dead-letters could not be created"):
        await ensure(brokers_of(client), [topics.dead_letters(unique, 1)], replication_factor=30)


@pytest.mark.kafka
async def test_the_inputs_partitions_are_read_and_a_missing_input_is_not_created(client: Client, unique: str) -> None:
    await client.create_topic(unique, partitions=2)
    brokers, missing = brokers_of(client), f"{unique}-missing"

    assert await partitions_of(brokers, [unique]) == 2
    with pytest.raises(TopicError, match=f"input topic {missing} does not exist"):
        await partitions_of(brokers, [unique, missing])
    assert await client.partitions(missing) == []


@pytest.mark.embedded
async def test_asking_for_a_missing_input_does_not_create_it_where_brokers_create_what_is_asked_for(
    embedded: EmbeddedBroker, unique: str
) -> None:
    for _ in range(2):
        with pytest.raises(TopicError, match="does not exist"):
            await partitions_of(Brokers((embedded.bootstrap,)), [unique])


async def test_a_broker_that_is_not_up_is_awaited_and_said_once_per_interval() -> None:
    (port,) = free_ports(1)
    started = time.monotonic()

    with structlog.testing.capture_logs() as logged, pytest.raises(TimeoutError, match=f"127.0.0.1:{port} within 1.2"):
        await wait_for_broker(Brokers((f"127.0.0.1:{port}",)), say_every_seconds=60.0, within_seconds=1.2)

    assert time.monotonic() - started >= 1.2
    assert [each["event"] for each in logged] == ["kafka.awaited"]


@pytest.mark.embedded
async def test_a_wait_without_a_deadline_ends_when_the_broker_comes(embedded: EmbeddedBroker) -> None:
    await embedded.stop()
    waiting = asyncio.create_task(wait_for_broker(Brokers((embedded.bootstrap,)), say_every_seconds=0.1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 1.2)

    await embedded.start(port=int(embedded.bootstrap.rpartition(":")[2]))

    await asyncio.wait_for(waiting, 90)


async def test_a_wait_can_be_cancelled() -> None:
    (port,) = free_ports(1)
    waiting = asyncio.create_task(wait_for_broker(Brokers((f"127.0.0.1:{port}",))))
    await asyncio.sleep(0)

    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting
