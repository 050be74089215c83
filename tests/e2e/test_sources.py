"""Several topics of profiles, each a source: who wins where two have the same attribute, on the whole way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.e2e.world import SEGMENT, World, membership
from tests.waiting import until

pytestmark = pytest.mark.kafka

KEY = b"ada"
ATTRIBUTES = ["email", "plan", "city"]


class Told:
    """What the endpoint was last told of the one profile."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def last(self, **expected: Any) -> None:
        """Wait until the attributes that were sent last are *expected*."""
        await until(lambda: self._attributes() == expected, 30, what=f"{expected}, and not {self._attributes()}")

    def _attributes(self) -> dict[str, Any] | None:
        received = [json.loads(each.body) for each in self._world.endpoint.requests]
        return {name: received[-1][name] for name in ATTRIBUTES if name in received[-1]} if received else None


@asynccontextmanager
async def merging(world: World, merge: str) -> AsyncIterator[Told]:
    """Run a worker with two sources, the CRM's before the shop's, and let the profile into its segment."""
    crm, shop = world.topic("profiles"), world.topic("exits")
    inputs = {"memberships": world.topic("memberships"), "profiles": [crm, {"topic": shop, "name": "shop"}]}
    worker = world.worker(
        settings=world.settings(inputs=inputs, merge=merge), documents=[world.destination(attributes=ATTRIBUTES)]
    )
    await worker.start()
    await world.produce("memberships", [(KEY, membership(SEGMENT, 0, "realized"))])
    yield Told(world)
    assert await worker.terminate() == 0


async def say(world: World, name: str, second: int, **fragment: Any) -> None:
    """Write a source's whole fragment, at a time; none forgets it."""
    value = json.dumps(fragment).encode() if fragment else None
    await world.produce(name, [(KEY, value)], timestamp_ms=1_700_000_000_000 + second * 1_000)


async def test_by_default_the_newest_record_that_has_an_attribute_wins_whatever_its_source(world: World) -> None:
    async with merging(world, "newest") as told:
        await say(world, "profiles", 1, email="old@crm", city="Paris")
        await told.last(email="old@crm", city="Paris")
        await say(world, "exits", 2, email="new@shop", plan="gold")
        await told.last(email="new@shop", plan="gold", city="Paris")
        await say(world, "profiles", 3, email="newest@crm", city="Lyon")
        await told.last(email="newest@crm", plan="gold", city="Lyon")
        await say(world, "profiles", 4)
        await told.last(email="new@shop", plan="gold")


async def test_by_precedence_the_source_that_is_named_first_wins_whatever_is_newer(world: World) -> None:
    async with merging(world, "precedence") as told:
        await say(world, "exits", 5, email="newer@shop", plan="gold")
        await told.last(email="newer@shop", plan="gold")
        await say(world, "profiles", 1, email="old@crm")
        await told.last(email="old@crm", plan="gold")
        await say(world, "exits", 9, email="newest@shop", plan="silver")
        await told.last(email="old@crm", plan="silver")
        await say(world, "profiles", 10)
        await told.last(email="newest@shop", plan="silver")
