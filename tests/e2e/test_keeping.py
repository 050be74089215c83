"""Exports that have ended go as the settings say, and the worker goes on."""

from __future__ import annotations

import pytest

from tests.e2e.world import Ledger, World, fragment, toggles
from tests.waiting import until

pytestmark = pytest.mark.kafka

PROFILES = [f"profile-{number}" for number in range(12)]


async def test_what_is_delivered_is_deleted_at_once_where_nothing_is_kept(world: World) -> None:
    ledger = Ledger()
    world.endpoint.observe = ledger.take
    settings = world.settings(delivery={"sessionTimeoutSeconds": 6, "keepSeconds": 0})
    waiting = world.destination(attributes=[{"source": "person.id", "mandatory": True}])
    worker = world.worker(settings=settings, documents=[waiting])
    await worker.start()
    await world.produce("profiles", [(profile.encode(), fragment(profile)) for profile in PROFILES])
    await world.produce("memberships", toggles(PROFILES, [0]))
    await until(lambda: len(ledger.bodies) == len(PROFILES), 30, what="everybody has entered")
    exports = f"{world.app}.exports.crm.1"

    async def none_is_left() -> bool:
        return await world.client.read(exports) == []

    await until(none_is_left, 30, what="the deletion")
    assert await worker.terminate() == 0
    await worker.start()
    await world.produce("memberships", toggles(PROFILES, [1]))
    await until(lambda: len(ledger.bodies) == 2 * len(PROFILES), 30, what="everybody has left")
    assert ledger.steps() == {profile: [0, 1] for profile in PROFILES}
    assert ledger.repeats == 0
    assert "gap.found" not in worker.log
    assert await worker.terminate() == 0
