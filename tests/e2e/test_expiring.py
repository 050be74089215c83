"""A membership ends by itself once, whenever the worker is killed, and nobody is told of it twice."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from streams.demo.endpoint import Answer, Received
from tests.brokers.client import Client
from tests.e2e.world import SEGMENT, Ledger, World, a_world, fragment, membership, moment
from tests.waiting import until

pytestmark = pytest.mark.kafka

PROFILES = [f"profile-{number}" for number in range(30)]
AHEAD = timedelta(seconds=4)
"""How far ahead the end is when it is told; one that a slow machine reads later ends at once, which is the same."""


def renewals(end: str) -> list[tuple[bytes, bytes]]:
    entry = {"status": "existing", "lastQualificationTime": moment(1), "validUntil": end}
    value = json.dumps({"segmentMembership": {"ups": {SEGMENT: entry}}}).encode()
    return [(profile.encode(), value) for profile in PROFILES]


def statuses(ledger: Ledger) -> dict[str, set[str]]:
    """Return of each profile's last arrival what it says of the segment."""
    found = defaultdict[str, set[str]](set)
    for profile, body in ledger.last().items():
        entry = body["segmentMembership"]["ups"][SEGMENT]
        found[profile] |= {entry["status"], entry["lastQualificationTime"]}
    return found


def exits(ledger: Ledger) -> dict[str, set[str]]:
    """Return by profile the ids of the exports that told of an exit."""
    found = defaultdict[str, set[str]](set)
    for key, profile, body in ledger.arrivals:
        if body["segmentMembership"]["ups"][SEGMENT]["status"] == "exited":
            found[profile].add(key)
    return found


async def test_a_membership_ends_by_itself_once_although_the_worker_is_killed(
    client: Client, unique: str, tmp_path: Path
) -> None:
    """Once killed before the end and once at the first exit, side by side: most of the time is a session's end."""

    async def run(name: str, *, at_first_exit: bool) -> None:
        async with a_world(client, f"{unique}-{name}", tmp_path / name) as world:
            await _end_across_a_kill(world, at_first_exit=at_first_exit)

    await asyncio.gather(run("before", at_first_exit=False), run("within", at_first_exit=True))


async def _end_across_a_kill(world: World, *, at_first_exit: bool) -> None:
    ledger = Ledger()

    def decide(request: Received) -> Answer:
        ledger.take(request)
        return Answer()

    world.endpoint.decide = decide
    worker = world.worker()
    await worker.start()
    await world.produce("profiles", [(profile.encode(), fragment(profile)) for profile in PROFILES])
    await world.produce("memberships", [(p.encode(), membership(SEGMENT, 0, "realized")) for p in PROFILES])
    await until(lambda: len(ledger.last()) == len(PROFILES), 60, what="all are in")

    end = (datetime.now(UTC) + AHEAD).strftime("%Y-%m-%dT%H:%M:%SZ")
    await world.produce("memberships", renewals(end))
    if at_first_exit:
        await until(lambda: bool(exits(ledger)), 60, what="somebody has left")
    else:
        await until(lambda: _is_committed(world, world.topic("memberships")), 60, what="the renewals are committed")
    worker.send(signal.SIGKILL)
    await worker.ended()
    await worker.start()

    gone = {profile: {"exited", end} for profile in PROFILES}
    await until(lambda: statuses(ledger) == gone, 60, what="all have left at the end that was told")
    for topic in (world.topic("memberships"), f"{world.app}.commands"):
        await until(lambda name=topic: _is_committed(world, name), 60, what=f"{topic} is committed")
    assert await worker.metric("streams_records_total", topic=f"{world.app}.commands", end="malformed") == 0
    assert await worker.terminate() == 0

    assert {profile: len(ids) for profile, ids in exits(ledger).items()} == dict.fromkeys(PROFILES, 1)
    assert {key for key, bodies in ledger.bodies.items() if len(bodies) > 1} == set()
    assert statuses(ledger) == gone


async def _is_committed(world: World, topic: str) -> bool:
    return await world.client.committed(world.app, topic) == await world.client.end_offsets(topic)
