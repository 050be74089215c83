"""An input that gets more partitions while workers run: nothing is joined in a wrong place, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiokafka.admin import NewPartitions

from tests.e2e.processes import WorkerProcess
from tests.e2e.world import SEGMENT, Ledger, World, fragment, membership, toggles
from tests.waiting import until

pytestmark = pytest.mark.kafka

PARTITIONS = 4
PROFILES = [f"profile-{number}" for number in range(12)]


def waiting(world: World) -> list[dict[str, Any]]:
    """Return a destination that sends nobody whose profile has not been read."""
    return [world.destination(attributes=[{"source": "person.id", "mandatory": True}])]


async def grown(world: World, name: str, partitions: int) -> None:
    """Give an input more partitions, as an operator does by Kafka's own tools."""
    async with world.client.admin() as admin:
        await admin.create_partitions({world.topic(name): NewPartitions(partitions)})
    await until(lambda: _has(world, name, partitions), what=f"{partitions} partitions")


async def _has(world: World, name: str, partitions: int) -> bool:
    return len(await world.client.leaders(world.topic(name))) == partitions


async def everybody_enters(world: World, ledger: Ledger, step: int = 0) -> None:
    await world.produce("profiles", [(profile.encode(), fragment(profile)) for profile in PROFILES])
    await world.produce("memberships", toggles(PROFILES, [step]))
    await until(lambda: len(ledger.bodies) == len(PROFILES), 30, what="everybody has entered")


def told(worker: WorkerProcess) -> list[str]:
    """Return the problems by which the worker was last refused."""
    lines = [line for line in worker.log.splitlines() if '"worker.refused"' in line]
    return list(json.loads(lines[-1])["problems"])


async def test_a_worker_stops_in_order_and_no_record_of_a_new_partition_is_read(world: World) -> None:
    ledger = Ledger()
    world.endpoint.observe = ledger.take
    worker = world.worker(documents=waiting(world))
    await worker.start()
    await everybody_enters(world, ledger)
    await grown(world, "memberships", PARTITIONS + 1)
    leaving = [(key.encode(), membership(SEGMENT, 1, "exited")) for key in PROFILES]
    await world.produce("memberships", leaving, partition=PARTITIONS)

    assert await worker.ended(60) == 2
    topic = world.topic("memberships")
    assert told(worker)[0].startswith(f"input topic {topic} has {PARTITIONS + 1} partitions now, and had {PARTITIONS}:")
    assert "Traceback" not in worker.log
    assert ledger.steps() == {profile: [0] for profile in PROFILES}, "what came to the new partition was not exported"
    committed = await world.client.committed(world.app, topic)
    assert PARTITIONS not in committed
    assert sum(committed.values()) == len(PROFILES), "what was done is committed"

    await worker.start(until_ready=False)
    assert await worker.ended(60) == 2
    assert f"{topic} has {PARTITIONS + 1}, {world.topic('profiles')} has {PARTITIONS}" in told(worker)[0]

    drained = world.worker("drained", documents=waiting(world))  # what was exported is delivered all the same
    await drained.start("--stage", "delivery")
    assert await drained.terminate() == 0

    # As the README says: a topic with the number that it was, a copy of all that is there, and its name.
    copy = await world.client.create_topic(world.topic("memberships-2"), PARTITIONS)
    await world.client.produce(copy, [(each.key, each.value) for each in await world.client.read(topic)])
    inputs = {"memberships": copy, "profiles": [world.topic("profiles")]}
    mended = world.worker("mended", settings=world.settings(inputs=inputs), documents=waiting(world))
    await mended.start()
    await until(lambda: all(steps[-1] == 1 for steps in ledger.steps().values()), 30, what="everybody has left")
    assert {body["person"]["id"] for body in ledger.last().values()} == set(PROFILES)
    assert await mended.terminate() == 0


async def test_two_workers_end_and_no_partition_of_the_inputs_is_read_apart_from_the_others(world: World) -> None:
    ledger = Ledger()
    world.endpoint.observe = ledger.take
    workers = [world.worker(name, documents=waiting(world)) for name in ("one", "two")]
    for worker in workers:
        await worker.start()
    await everybody_enters(world, ledger)
    await grown(world, "profiles", 2 * PARTITIONS)

    assert [await worker.ended(60) for worker in workers] == [2, 2]
    assert all(world.topic("profiles") in told(worker)[0] for worker in workers)
    assert ledger.repeats == 0
    assert not any("Unclosed" in worker.log for worker in workers), "also where one was stopped while it recovered"
