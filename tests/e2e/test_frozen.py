"""A worker is frozen for longer than its session, then thawed: what it had in hand is another's, it writes nothing."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime

import pytest

from streams.exports import exports_topic
from tests.brokers.processes import freeze, thaw
from tests.e2e.processes import WorkerProcess
from tests.e2e.world import BEGINNING, SEGMENT, World, toggles
from tests.waiting import until

pytestmark = pytest.mark.kafka

PROFILES = [f"profile-{number}" for number in range(100)]
STEPS = range(400)
SLOW = {"sessionTimeoutSeconds": 6, "lingerSeconds": 1}
"""Each round, of at most 4 000 records, takes a second, so that the frozen worker has more than one in hand."""


async def assigned(worker: WorkerProcess) -> float:
    return await worker.metric("streams_partitions_assigned", stage="activation")


async def steps_by_profile(world: World, topic: str) -> dict[str, list[int]]:
    """Return for each profile the steps of its exports, in the order of the topic."""
    steps = defaultdict(list)
    for record in await world.client.read(topic):
        time = json.loads(record.value or b"")["segmentMembership"]["ups"][SEGMENT]["lastQualificationTime"]
        steps[(record.key or b"").decode()].append(int((datetime.fromisoformat(time) - BEGINNING).total_seconds()))
    return steps


async def test_a_worker_that_thaws_after_its_session_writes_nothing_more(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    topic, changelog = exports_topic(world.app, "crm.1"), f"{world.app}-profiles-changelog"
    settings = world.settings() | {"activation": SLOW}
    frozen, other = (world.worker(name, settings=settings) for name in ("frozen", "other"))
    for worker in (frozen, other):
        await worker.start("--stage", "activation")

    async def shared() -> bool:
        return await assigned(frozen) > 0 and await assigned(other) > 0

    async def written() -> int:
        return sum((await world.client.end_offsets(topic)).values())

    async def begun() -> bool:
        return await written() > 0

    async def is_alone() -> bool:
        return await assigned(other) == 4

    async def is_complete() -> bool:
        committed = await world.client.committed(world.app, world.topic("memberships"))
        return sum(committed.values()) == len(PROFILES) * len(STEPS)

    await until(shared, 60, "both have partitions")
    await world.produce("memberships", toggles(PROFILES, STEPS))
    await until(begun, 30, "the first round")
    freeze(frozen.pid)
    at_freeze = await written()
    await until(is_alone, 60, "the other has everything")
    await until(is_complete, 60, "the other has written everything")
    before = await written(), await world.client.end_offsets(changelog)
    thaw(frozen.pid)
    await until(lambda: "activation.abandoned" in frozen.log, 60, "it gave up what it had in hand")
    await until(shared, 60, "the frozen one has joined again")
    after = await written(), await world.client.end_offsets(changelog)
    steps = await steps_by_profile(world, topic)
    with capsys.disabled():
        print(f"\nfrozen with {at_freeze} of {len(PROFILES) * len(STEPS)} exports written, thawed after all were")

    assert at_freeze < len(PROFILES) * len(STEPS) * 0.7, "the frozen one had nothing more to write"
    assert after == before
    assert all(each == sorted(each) for each in steps.values())
    assert await frozen.terminate() == 0
    assert await other.terminate() == 0
