"""What activation could not have confirmed when its partitions go is never written, whatever the lease says later."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from streams.activation.rounds import Row
from streams.activation.stage import ActivationStage, Seams
from streams.configuration.settings import Settings
from streams.destinations import Pause
from streams.engine import Message
from streams.groups.clock import suspended
from streams.groups.journal import Journal
from streams.telemetry.telemetry import Telemetry
from streams.topics.plan import Compaction
from tests.brokers.client import Client
from tests.reaching import brokers_of
from tests.records import a_destination

pytestmark = pytest.mark.kafka


def stage_on(client: Client, name: str, directory: Any) -> ActivationStage:
    """Return a stage that is not started, so that it is no member of its group: it has no lease."""
    settings = Settings.model_validate(
        {
            "app": name,
            "kafka": {"bootstrapServers": client.bootstrap},
            "inputs": {"memberships": f"{name}-memberships"},
            "state": {"directory": str(directory)},
        }
    )
    return ActivationStage(
        settings, [], 1, Compaction(), Telemetry(suspended), Seams(), Journal(brokers_of(client), "none")
    )


async def test_what_was_not_confirmed_at_a_release_is_never_written_and_what_comes_later_is(
    client: Client, unique: str, tmp_path: Any
) -> None:
    topic = await client.create_topic(unique, 1)
    stage = stage_on(client, unique, tmp_path)
    await stage._producing.start()
    writing = asyncio.create_task(stage._outbox.run())
    try:
        put(stage, topic, b"stale")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stage._release(), 0.3)
        stage.lease.renewed(suspended())
        put(stage, topic, b"fresh")
        await asyncio.wait_for(stage._outbox.idle(), 90)
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await stage._producing.stop()
        stage.engine.app.consumer.thread.thread_loop.close()  # made with the thread, which never starts

    assert [record.value for record in await client.read(topic)] == [b"fresh"]


def put(stage: ActivationStage, topic: str, value: bytes) -> None:
    stage._outbox.put(topic, 0, Row(b"k", value, []))
    stage._outbox.settle(Message(topic, 0, 0, 0, None, None, (), -1))


async def test_what_is_draining_is_exported_nothing_and_what_is_paused_is(
    client: Client, unique: str, tmp_path: Any
) -> None:
    stage = stage_on(client, unique, tmp_path)
    paused = replace(a_destination("paused"), pause=Pause("someone", "a test", at=1))
    await stage._producing.start()
    try:
        stage.follow([paused, replace(a_destination("draining"), is_draining=True)])
    finally:
        await stage._producing.stop()
        stage.engine.app.consumer.thread.thread_loop.close()

    assert set(stage._agents._removals._inputs) == {f"{unique}-memberships", f"{unique}.commands"}
    assert stage._agents.followed.exports == {"paused.1": f"{unique}.exports.paused.1"}
