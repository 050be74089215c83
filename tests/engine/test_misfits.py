"""Partitions of the inputs that do not belong together are never read."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from aiokafka.admin import NewPartitions
from faust.types import TP

from streams.brokers import Brokers
from streams.engine import Engine
from streams.engine.app import App
from streams.engine.settings import EngineSettings
from tests.brokers.client import Client
from tests.engine.running import Seen, engine_on, started, topics_for
from tests.waiting import until


@pytest.mark.parametrize(
    ("assigned", "fits"),
    [
        ({}, True),
        ({"a": [0, 2], "b": [0, 2]}, True),
        ({"a": [0, 2], "b": [0, 2], "changelog": [0, 2, 3]}, True),
        ({"a": [0, 2], "b": [0, 1]}, False),  # of another number, so handed out apart
        ({"a": [0, 2], "b": []}, False),  # gone
        ({"a": [0, 4], "b": [0, 4]}, False),  # all of them have grown
    ],
)
def test_the_same_partitions_of_each_input_fit_and_none_beyond_those_of_the_start(
    assigned: Mapping[str, list[int]], fits: bool
) -> None:
    app = App(EngineSettings(id="unit", brokers=Brokers(("one:1",)), partitions=4))
    app.inputs.update("ab")

    assert app.fits({TP(topic, number) for topic, numbers in assigned.items() for number in numbers}) is fits
    assert (app.halted, app.misfit.is_set()) == (not fits, not fits)


@pytest.mark.kafka
async def test_when_the_group_assigns_what_does_not_belong_together_nothing_more_is_read(
    client: Client, unique: str
) -> None:
    grows, _ = await topics_for(client, unique, 2)
    stays = await client.create_topic(f"{unique}-others", 2)
    engine = engine_on(client, unique, partitions=2)
    seen = Seen(engine)
    for topic in (grows, stays):
        engine.consume(topic, seen)
    async with started(engine.app):
        await client.produce(grows, [(b"a", b"before")], partition=0)
        await until(lambda: seen.values == [b"before"], 30, what="the first record")
        async with client.admin() as admin:
            await admin.create_partitions({grows: NewPartitions(3)})
        await until(lambda: _has(client, grows, 3), 30, what="the new partition")
        await client.produce(grows, [(b"a", b"after")], partition=2)
        await client.produce(stays, [(b"a", b"after")], partition=0)
        await until(lambda: _refreshed(engine), 30, what="an assignment with the new partition")

        assert not engine.ready
    assert b"after" not in [message.value for message in seen.messages if message.topic == grows]
    assert (await client.committed(unique, grows)).keys() <= {0, 1}


async def _has(client: Client, topic: str, partitions: int) -> bool:
    return len(await client.leaders(topic)) == partitions


async def _refreshed(engine: Engine) -> bool:
    """Let the leader of the group learn of new partitions, as it does every few minutes; true once it has assigned."""
    thread = engine.app.consumer.thread

    async def refresh() -> None:
        await thread.aiokafka._client.force_metadata_update()

    await thread.run(refresh())
    return bool(engine.misfit.is_set())
