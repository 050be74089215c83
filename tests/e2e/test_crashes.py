"""A crash anywhere between table write, changelog, export and commit leaves every obligation covered.

The endpoint's ledger is the judge: after the restart each record's change is in an export that arrived, and no id has
two bodies. Two records of one profile stand in one round, so the second is applied when the first is interrupted.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from streams.demo.endpoint import Answer, Received
from tests.brokers.client import Client
from tests.e2e.crashing import CODE, POINTS
from tests.e2e.world import SEGMENT, Ledger, World, a_world, fragment, membership
from tests.waiting import until

pytestmark = pytest.mark.kafka

OTHER = "segment-b"
PROFILES = [f"profile-{number}" for number in range(8)]


@pytest.mark.parametrize("point", [*POINTS])
async def test_after_a_crash_every_obligation_is_covered_and_no_id_has_two_bodies(
    client: Client, unique: str, tmp_path: Path, point: str
) -> None:
    """Once with the disk kept and once with it deleted, side by side: most of the time is a session's end."""

    async def run(disk: str) -> None:
        async with a_world(client, f"{unique}-{disk}", tmp_path / disk) as world:
            await _crash_and_recover(world, point, keep_disk=disk == "kept")

    await asyncio.gather(run("kept"), run("deleted"))


async def _crash_and_recover(world: World, point: str, *, keep_disk: bool) -> None:
    ledger = Ledger()

    def decide(request: Received) -> Answer:
        ledger.take(request)
        return Answer()

    world.endpoint.decide = decide
    destination = world.destination(segments=[SEGMENT, OTHER])
    settings = world.settings(activation={"sessionTimeoutSeconds": 6, "lingerSeconds": 0.5})
    await world.produce("profiles", [(p.encode(), fragment(p)) for p in PROFILES])
    calm = world.worker(settings=settings, documents=[destination])
    await calm.start()
    await until(lambda: _read(calm, world.topic("profiles"), len(PROFILES)), 30, what="the profiles are read")
    assert await calm.terminate() == 0

    records = [(p.encode(), membership(SEGMENT, 1, "realized")) for p in PROFILES]
    records += [(p.encode(), membership(OTHER, 2, "realized")) for p in PROFILES]
    records += [(p.encode(), membership(SEGMENT, 3, "exited")) for p in PROFILES]
    await world.produce("memberships", records)
    crashing = world.worker(settings=settings, documents=[destination], command=("-m", "tests.e2e.crashing", point))
    await crashing.start(until_ready=False)
    assert await crashing.ended(60) == CODE, crashing.log[-3000:]

    if not keep_disk:
        shutil.rmtree(calm.directory / "data")
    again = world.worker(settings=settings, documents=[destination])
    await again.start()
    await until(lambda: all(_covered(ledger.last().get(p, {})) for p in PROFILES), 30, what="all is covered")
    await until(lambda: _committed(world, len(records)), 30, what="everything is committed")
    assert await again.terminate() == 0

    assert all(_covered(ledger.last()[profile]) for profile in PROFILES)
    assert {key for key, bodies in ledger.bodies.items() if len(bodies) > 1} == set()


def _covered(body: Mapping[str, Any]) -> bool:
    """Whether an export's state includes all three records: in the other segment, out of the first."""
    members = body.get("segmentMembership", {}).get("ups", {})
    return {key: value["status"] for key, value in members.items()} == {SEGMENT: "exited", OTHER: "realized"}


async def _read(worker: Any, topic: str, count: int) -> bool:
    return bool(await worker.metric("streams_records_total", topic=topic) >= count)


async def _committed(world: World, count: int) -> bool:
    committed = await world.client.committed(world.app, world.topic("memberships"))
    return sum(committed.values()) >= count
