"""An exports topic that is gone holds up nobody else, and what could not be exported follows when it is back."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import Any

import pytest

from streams.topics.plan import exports
from tests.e2e.processes import WorkerProcess
from tests.e2e.world import SEGMENT, World, fragment, moment, toggles
from tests.waiting import until

pytestmark = pytest.mark.kafka

PROFILES = [f"profile-{number}" for number in range(60)]
BEFORE, AFTER = range(2), range(2, 9)
"""The steps that come while the topic is there, and after it is gone."""


def _documents(world: World) -> list[dict[str, Any]]:
    return [
        world.destination(name=name, account={"httpEndpoint": f"{world.endpoint.url}/{name}"})
        for name in ("crm", "ads")
    ]


def _received(world: World, name: str) -> list[dict[str, Any]]:
    answered = [received for received, _ in world.endpoint.answered]
    return [json.loads(each.body) for each in answered if each.url == f"/{name}"]


def _last_steps(bodies: list[dict[str, Any]]) -> dict[str, str]:
    last = {body["person"]["id"]: body for body in bodies}
    return {key: body["segmentMembership"]["ups"][SEGMENT]["lastQualificationTime"] for key, body in last.items()}


async def _exported(world: World, topic: str) -> dict[str, str]:
    """Return the time that each profile's newest export on a topic says."""
    rows = await world.client.read(topic) if await world.client.partitions(topic) else []
    return _last_steps([json.loads(row.value) for row in rows])


async def _make_again(world: World, topic: str, worker: WorkerProcess) -> None:
    spec = exports(world.app, "ads.1", 4)
    await world.client.create_topic(topic, 4, **{key.replace(".", "_"): value for key, value in spec.config.items()})
    assert "activation.topic-refuses" in worker.log


@pytest.mark.parametrize("killed", [False, True], ids=["running on", "killed meanwhile"])
async def test_one_topic_is_deleted_under_load_and_made_again(world: World, killed: bool) -> None:
    topic = f"{world.app}.exports.ads.1"
    worker = world.worker(documents=_documents(world))
    await worker.start()
    await world.produce("profiles", [(p.encode(), fragment(p)) for p in PROFILES])
    await world.produce("memberships", toggles(PROFILES, BEFORE))
    told = len(PROFILES) * len(BEFORE)
    await until(lambda: len(_received(world, "ads")) >= told, 60, what="ads has all that comes before")

    load = asyncio.create_task(world.produce("memberships", toggles(PROFILES, AFTER)))
    await world.client.delete_topics(topic)
    await load
    steps = len(PROFILES) * (len(BEFORE) + len(AFTER))
    await until(lambda: len(_received(world, "crm")) >= steps, 60, what="crm has everything")
    assert not await world.client.partitions(topic)

    if killed:
        worker.send(signal.SIGKILL)
        await worker.ended()
        await worker.start()  # which makes the topic again
    else:
        await _make_again(world, topic, worker)

    async def is_covered() -> bool:
        found = await _exported(world, topic)
        return found == dict.fromkeys(PROFILES, moment(AFTER[-1]))

    await until(is_covered, 60, what="each profile's last step is exported")
    await until(lambda: _committed(world), 30, what="all records are acknowledged")
    assert await worker.terminate() == 0


async def _committed(world: World) -> bool:
    name = world.topic("memberships")
    return await world.client.committed(world.app, name) == await world.client.end_offsets(name)
