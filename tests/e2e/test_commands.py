"""A destination's life by the commands, while two workers run under load; each step is followed before it returns."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from streams.demo.endpoint import Answer, Received
from tests.commands.desk import Desk
from tests.e2e.processes import WorkerProcess
from tests.e2e.test_following import PROFILES, under_load
from tests.e2e.world import SEGMENT, Ledger, World, fragment
from tests.waiting import until

pytestmark = pytest.mark.kafka


class Endpoints:
    """What was received, by the first part of the path."""

    def __init__(self, world: World) -> None:
        self._url = world.endpoint.url
        self.ledgers: dict[str, Ledger] = {}
        world.endpoint.decide = self._decide

    def _decide(self, request: Received) -> Answer:
        self.of(request.url.rpartition("/")[2]).take(request)
        return Answer()

    def of(self, name: str) -> Ledger:
        """Return what has arrived at one of them."""
        return self.ledgers.setdefault(name, Ledger())

    def account(self, name: str) -> Mapping[str, Any]:
        """Return the account of one of them."""
        return {"httpEndpoint": f"{self._url}/{name}"}

    def is_whole(self, name: str, step: int) -> bool:
        """Whether all profiles have arrived at one of them up to a step."""
        arrived = self.of(name).steps(SEGMENT)
        return arrived.keys() == {*PROFILES} and all(each[-1] == step for each in arrived.values())

    async def more(self, name: str, count: int = 150) -> None:
        """Wait until so many more have arrived."""
        before = len(self.of(name).arrivals)
        await until(lambda: len(self.of(name).arrivals) >= before + count, 60, what=f"{count} more arrivals at {name}")


@pytest.fixture
def desk(world: World) -> Desk:
    """Return the desk of the operator of these workers, whose settings name no documents."""
    folder = world.directory / "desk"
    folder.mkdir()
    (folder / "streams.yaml").write_text(json.dumps(world.settings()))
    return Desk(world.client, world.app, folder)


async def profiles_are_known(world: World, workers: list[WorkerProcess]) -> None:
    """Wait until every profile has been read, so that no body lacks one."""
    await world.produce("profiles", [(each.encode(), fragment(each)) for each in PROFILES])
    topic = world.topic("profiles")

    async def read() -> bool:
        counts = [await worker.metric("streams_records_total", topic=topic) for worker in workers]
        return sum(counts) >= len(PROFILES)

    await until(read, 60, what="the profiles are read")


async def test_every_step_of_a_life_is_followed_by_two_workers_under_load(world: World, desk: Desk) -> None:
    endpoints, steps = Endpoints(world), list[int]()
    workers = [world.worker(name, documents=[]) for name in ("first", "second")]
    await asyncio.gather(*(worker.start() for worker in workers))
    await profiles_are_known(world, workers)
    crm = world.destination(account=endpoints.account("crm"), attributes=["person.id", "person.name"])
    other = world.destination(name="other", account=endpoints.account("other"))
    desk.write("other.json", other)
    desk.write("crm.json", crm)
    async with under_load(world, steps):
        await desk.done("destinations", "apply", "other.json")
        await endpoints.more("other")
        applied = await desk.done("destinations", "apply", "crm.json", "--output", "json")
        assert len(applied.told["workers"]["live"]) == 2
        await endpoints.more("crm")

        desk.write("crm.json", {**crm, "attributes": ["person.id"]})
        await desk.done("destinations", "apply", "crm.json")
        narrowed = len(endpoints.of("crm").arrivals)
        await endpoints.more("crm")
        assert not any("name" in body["person"] for _, _, body in endpoints.of("crm").arrivals[narrowed:])
        assert all("name" in body["person"] for _, _, body in endpoints.of("crm").arrivals[:100])

        await desk.done("destinations", "pause", "crm", "--why", "they move")
        paused = len(endpoints.of("crm").arrivals)
        await endpoints.more("other")
        assert len(endpoints.of("crm").arrivals) == paused
        listed = (await desk.done("destinations", "list", "--output", "json")).told
        assert [each["state"] for each in listed] == ["paused", "activated"]
        await desk.done("destinations", "resume", "crm")
        await endpoints.more("crm")

        deleted = await desk.done("destinations", "delete", "crm", "--drain", "--yes", "--output", "json")
        assert deleted.told["removed"] == ["crm.1"]
        gone = len(endpoints.of("crm").arrivals)
        await endpoints.more("other")
        assert len(endpoints.of("crm").arrivals) == gone

        desk.write("crm.json", {**crm, "account": endpoints.account("anew"), "since": "now"})
        before = len(steps)
        await desk.done("destinations", "apply", "crm.json")
        await endpoints.more("anew")
    await until(lambda: endpoints.is_whole("other", steps[-1]), 60, what="all has arrived")
    assert [await worker.terminate() for worker in workers] == [0, 0]

    for each in endpoints.of("other").steps(SEGMENT).values():
        assert each == steps[steps.index(each[0]) :]  # from the first that it saw, all of them, in order
    assert endpoints.of("other").repeats == 0
    assert len(endpoints.of("crm").arrivals) == gone
    assert min(min(each) for each in endpoints.of("anew").steps(SEGMENT).values()) >= before


async def test_a_worker_that_lacks_the_secret_is_named_and_goes_on_by_the_old_version(world: World, desk: Desk) -> None:
    endpoints, steps = Endpoints(world), list[int]()
    worker = world.worker("worker", documents=[])
    await worker.start()
    await profiles_are_known(world, [worker])
    crm = world.destination(account=endpoints.account("crm"))
    desk.write("crm.json", crm)
    async with under_load(world, steps):
        await desk.done("destinations", "apply", "crm.json")
        await endpoints.more("crm")
        secret = {"x-key": {"value": "${env:STREAMS_SECRET_NOBODY_HAS}", "secret": True}}
        desk.write("crm.json", {**crm, "customHeaders": secret})

        ended = await desk.streams("destinations", "apply", "crm.json", "--timeout", "3")
        (row,) = (await desk.done("destinations", "list", "--output", "json")).told

        assert ended.code == 1
        assert "not followed: destination crm by worker" in ended.err
        assert "STREAMS_SECRET_NOBODY_HAS is not set" in ended.err
        assert "STREAMS_SECRET_NOBODY_HAS is not set" in row["reason"]
        desk.write("crm.json", crm)
        await desk.done("destinations", "apply", "crm.json")
        await endpoints.more("crm")
