"""A null forgets a person on a real broker, a kill in between included; a destination may want no history."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
from typing import Any

import pytest

from tests.e2e.processes import WorkerProcess
from tests.e2e.world import SEGMENT, World, fragment, membership
from tests.waiting import until

pytestmark = pytest.mark.kafka

KEY = b"someone"
IDS = {"crmId": [{"id": "someone"}]}


def _bodies(world: World) -> list[dict[str, Any]]:
    return [json.loads(received.body) for received, _ in world.endpoint.answered]


async def _state(world: World) -> Any:
    """Return the newest row of the person in the changelog: None is a tombstone, and so is no row."""
    rows = await world.client.read(f"{world.app}-profiles-changelog")
    return next((row.value for row in reversed(rows) if row.key == KEY), None)


async def _is_removed(world: World) -> bool:
    return await _state(world) is None


@pytest.mark.parametrize("killed", [False, True], ids=["running on", "killed before the commit"])
async def test_a_null_sends_one_withdrawal_and_then_the_person_is_gone(world: World, killed: bool) -> None:
    slow = world.settings(activation={"sessionTimeoutSeconds": 6, "commitIntervalSeconds": 600})
    worker = world.worker(settings=slow if killed else None)
    await worker.start()
    await world.produce("profiles", [(KEY, fragment("someone", identityMap=IDS))])
    await world.produce("memberships", [(KEY, membership(SEGMENT, 2, "realized"))])
    await asyncio.wait_for(world.endpoint.served(1), 90)
    await world.produce("profiles", [(KEY, None)])
    await asyncio.wait_for(world.endpoint.served(2), 90)

    if killed:
        worker.send(signal.SIGKILL)
        await worker.ended()
        assert not await _is_removed(world)
        worker = world.worker("another")
        await worker.start()
    await until(lambda: _is_removed(world), 60, what="the person is removed")
    await world.produce("memberships", [(b"other", membership(SEGMENT, 3, "realized"))])
    await until(
        lambda: any(body.keys() == {"segmentMembership"} for body in _bodies(world)),
        30,
        what="who came last has arrived",
    )
    bodies = _bodies(world)
    entered, *others = [body for body in bodies if body.get("identityMap") == IDS]
    withdrawals = [body for body in others if body != entered]

    assert entered["person"] == {"id": "someone"}
    assert [body.keys() for body in withdrawals] == [{"segmentMembership", "identityMap"}] * len(withdrawals)
    assert {body["segmentMembership"]["ups"][SEGMENT]["status"] for body in withdrawals} == {"exited"}
    assert killed or len(others) == 1
    assert await worker.terminate() == 0


async def test_a_forgotten_person_stays_forgotten_when_the_state_is_built_anew(world: World) -> None:
    worker = world.worker()
    await worker.start()
    await world.produce("profiles", [(KEY, fragment("someone", identityMap=IDS)), (KEY, None)])
    await until(lambda: _read(worker, world, 2), 30, what="both are read")
    await until(lambda: _is_removed(world), 60, what="the person is removed")
    assert await worker.terminate() == 0
    shutil.rmtree(worker.directory / "data")
    await worker.start()

    await world.produce("memberships", [(KEY, membership(SEGMENT, 2, "realized"))])
    ((received, _),) = await asyncio.wait_for(world.endpoint.served(1), 90)

    assert json.loads(received.body).keys() == {"segmentMembership"}
    assert await worker.terminate() == 0


async def test_since_now_sends_no_history_and_the_next_change_whole_also_after_a_restart(world: World) -> None:
    people = [f"person-{number}" for number in range(20)]
    await world.produce("profiles", [(name.encode(), fragment(name)) for name in people])
    await world.produce("memberships", [(name.encode(), membership(SEGMENT, 2, "realized")) for name in people])
    worker = world.worker(documents=[world.destination(since="now")])
    await worker.start()
    await until(lambda: _excluded(worker, 20), 30, what="the history is read")

    await world.produce("memberships", [(b"person-3", membership(SEGMENT, 3, "exited"))])
    await asyncio.wait_for(world.endpoint.served(1), 90)
    assert await worker.terminate() == 0
    await worker.start()
    await world.produce("memberships", [(b"person-4", membership(SEGMENT, 3, "exited"))])
    received = await asyncio.wait_for(world.endpoint.served(2), 90)

    assert [json.loads(each.body)["person"]["id"] for each, _ in received] == ["person-3", "person-4"]
    assert await worker.terminate() == 0


async def test_the_one_record_that_makes_a_state_too_large_is_a_dead_letter_and_its_neighbours_flow_on(
    world: World,
) -> None:
    sources = [f"source-{number}" for number in range(5)]
    for source in sources:
        await world.client.create_topic(world.topic(source), 4)
    inputs = {
        "memberships": world.topic("memberships"),
        "profiles": [{"name": source, "topic": world.topic(source)} for source in sources],
    }
    worker = world.worker(settings=world.settings(inputs=inputs))
    await worker.start()
    for number, source in enumerate(sources):
        await world.produce(source, [(KEY, fragment("someone", note="x" * 1_000_000)), (b"other", fragment("other"))])
        await until(lambda n=number: _count(worker, sources, world, 2 * n + 2), 30, what="both are read")
    await world.produce("memberships", [(key, membership(SEGMENT, 2, "realized")) for key in (KEY, b"other")])
    received = await asyncio.wait_for(world.endpoint.served(2), 90)
    letters = await world.client.read(f"{world.app}.dead-letters")

    assert {json.loads(each.body)["person"]["id"] for each, _ in received} == {"someone", "other"}
    (letter,) = letters
    assert (letter.key, dict(letter.headers)["streams.reason"]) == (KEY, b"state-too-large")
    assert dict(letter.headers)["__connect.errors.topic"].decode() == world.topic(sources[-1])
    assert await worker.terminate() == 0


async def _read(worker: WorkerProcess, world: World, count: int) -> bool:
    return await worker.metric("streams_records_total", topic=world.topic("profiles")) == count


async def _count(worker: WorkerProcess, sources: list[str], world: World, count: int) -> bool:
    found = [await worker.metric("streams_records_total", topic=world.topic(source)) for source in sources]
    return sum(found) == count


async def _excluded(worker: WorkerProcess, count: int) -> bool:
    return await worker.metric("streams_considered_total", exclusion="before-since") == count
