"""A whole worker whose user may do what the README lists, and no more; then less, of one destination."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.brokers.secured import PASSWORD, VARIABLE, Secured
from tests.e2e.world import SEGMENT, World, a_world, fragment, membership
from tests.faults.grants import granted
from tests.waiting import until

pytestmark = pytest.mark.kafka

KEY = b"someone"


@pytest.fixture
async def world(restricted: Secured, unique: str, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(restricted.client, unique, tmp_path, partitions=2) as world:
        yield world


def _received(world: World, name: str) -> list[int]:
    """Return of each request for a destination the second of its time."""
    bodies = [json.loads(each.body) for each in world.endpoint.requests if each.url == f"/{name}"]
    times = [body["segmentMembership"]["ups"][SEGMENT]["lastQualificationTime"] for body in bodies]
    return [int(time[17:19]) for time in times]


async def test_a_worker_starts_and_serves_the_others_while_kafka_withholds_one_queue(
    world: World, restricted: Secured
) -> None:
    bootstrap, inputs = restricted.node.bootstrap, [world.topic("memberships"), world.topic("profiles")]
    grants = granted(world.app, inputs, ["crm", "ads"])
    queue = [each for each in grants if each.name == f"{world.app}.exports.ads."]
    await restricted.acls.grant(bootstrap, grants)
    documents = [
        world.destination(name=name, account={"httpEndpoint": f"{world.endpoint.url}/{name}"})
        for name in ("crm", "ads")
    ]
    settings = world.settings(kafka=restricted.settings("SASL_SSL", "SCRAM-SHA-512"))
    worker = world.worker(settings=settings, documents=documents, secrets={VARIABLE: PASSWORD})
    await worker.start()
    await world.produce("profiles", [(KEY, fragment("someone"))])
    await world.produce("memberships", [(KEY, membership(SEGMENT, 2, "realized"))])
    await asyncio.wait_for(world.endpoint.served(2), 90)
    assert await worker.terminate() == 0

    await restricted.acls.withdraw(bootstrap, queue)
    await worker.start()
    await world.produce("memberships", [(KEY, membership(SEGMENT, 3, "exited"))])
    await asyncio.wait_for(world.endpoint.served(3), 90)
    assert (_received(world, "crm"), _received(world, "ads")) == ([2, 3], [2])

    await restricted.acls.grant(bootstrap, queue)
    await until(lambda: _received(world, "ads") == [2, 3], 60, "what is owed is delivered")
    assert await worker.terminate() == 0
    assert "topics.withheld" in worker.log
    assert "Traceback" not in worker.log
