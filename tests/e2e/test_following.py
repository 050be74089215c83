"""Workers follow the documents in force without a restart, and report truthfully which."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streams.demo.endpoint import Answer, Received
from tests.e2e.changing import changing
from tests.e2e.processes import WorkerProcess
from tests.e2e.world import SEGMENT, Ledger, World, moment, toggles
from tests.waiting import until

pytestmark = pytest.mark.kafka

PROFILES = [f"profile-{number}" for number in range(60)]
SECRET = "STREAMS_SECRET_NOBODY_HAS"


async def all_known(world: World, *workers: WorkerProcess) -> None:
    """Let the profiles be read before anybody enters, so that no body is without its profile."""
    people = {each: {"person": {"id": each, "email": f"{each}@example.com"}} for each in PROFILES}
    await world.produce("profiles", [(each.encode(), json.dumps(person).encode()) for each, person in people.items()])

    async def read() -> bool:
        topic = world.topic("profiles")
        return sum([await each.metric("streams_records_total", topic=topic) for each in workers]) == len(people)

    await until(read, 60, what="all profiles are read")


@asynccontextmanager
async def under_load(world: World, steps: list[int]) -> AsyncIterator[None]:
    """Let all profiles enter and exit until the end; *steps* holds those that were produced."""
    over = asyncio.Event()

    async def load() -> None:
        while not over.is_set():
            step = len(steps)
            await world.produce("memberships", toggles(PROFILES, [step]))
            steps.append(step)
            await asyncio.sleep(0.1)

    task = asyncio.create_task(load())
    try:
        yield
    finally:
        over.set()
        await task


async def test_two_workers_follow_a_changed_endpoint_and_the_old_one_gets_nothing_more(world: World) -> None:
    ledger, paths, steps = Ledger(), list[str](), list[int]()

    def decide(request: Received) -> Answer:
        ledger.take(request)
        paths.append(request.url)
        return Answer(delay_seconds=0.05)

    world.endpoint.decide = decide
    first, second = world.worker("first"), world.worker("second")
    await asyncio.gather(first.start(), second.start())
    await all_known(world, first, second)
    async with changing(world) as documents, under_load(world, steps):
        await documents.are_following(2, {"crm.1": 1})
        await until(lambda: len(paths) > 300, 60, what="the first arrivals")
        await documents.change(world.destination(account={"httpEndpoint": f"{world.endpoint.url}/v2"}))
        await documents.are_following(2, {"crm.1": 2})
        told = len(paths)
        await until(lambda: len(paths) > told + 300, 60, what="arrivals at the new endpoint")
    await until(lambda: len(ledger.bodies) >= len(steps) * len(PROFILES), 60, what="all has arrived")

    assert {path.rpartition("/")[2] for path in paths[told:]} == {"v2"}
    assert ledger.steps() == dict.fromkeys(PROFILES, steps)
    assert ledger.repeats == 0


async def test_a_worker_follows_what_is_paused_resumed_created_deleted_and_what_it_cannot(world: World) -> None:
    ledger, others, steps = Ledger(), Ledger(), list[int]()

    def decide(request: Received) -> Answer:
        (others if request.url.endswith("/erp") else ledger).take(request)
        return Answer()

    world.endpoint.decide = decide
    worker = world.worker()
    await worker.start()
    await all_known(world, worker)
    async with changing(world) as documents, under_load(world, steps):
        await until(lambda: len(ledger.arrivals) > 100, 60, what="the first arrivals")
        await documents.pause("crm", "their maintenance")
        await documents.are_following(1, {"crm.1": 2})
        paused_at = len(ledger.arrivals)
        report = await documents.is_reported("crm", "paused")
        assert (report.reason, report.details) == ("operator", "by ada@desk: their maintenance")

        erp = world.destination(name="erp", account={"httpEndpoint": f"{world.endpoint.url}/erp"})
        await documents.create(erp)
        await documents.are_following(1, {"crm.1": 2, "erp.1": 1})
        await until(lambda: len(others.arrivals) > 200, 60, what="arrivals at the new destination")
        assert len(ledger.arrivals) == paused_at

        secret = {"x-key": {"value": f"${{env:{SECRET}}}", "secret": True}}
        await documents.change({**erp, "customHeaders": secret})
        assert SECRET in await documents.are_refusing("erp")
        await documents.are_following(1, {"crm.1": 2, "erp.1": 1})
        await documents.change(erp)  # until then what the version without its secret rendered has to wait
        await documents.are_following(1, {"crm.1": 2, "erp.1": 3})
        arrived = len(others.arrivals)
        await until(lambda: len(others.arrivals) > arrived + 200, 60, what="arrivals by the version after")

        await documents.resume("crm")
        await documents.delete("erp")
        await documents.are_following(1, {"crm.1": 3, "erp.1": None})
        gone_at = len(others.arrivals)
        assert await worker.metric("streams_exports_fetched_total", destination="erp") == 0
        assert await worker.metric("streams_considered_total", destination="erp") == 0
    await until(lambda: len(ledger.bodies) >= len(steps) * len(PROFILES), 60, what="all has arrived")
    assert await worker.terminate() == 0

    assert ledger.steps(SEGMENT) == dict.fromkeys(PROFILES, steps)
    assert (ledger.repeats, others.repeats) == (0, 0)
    assert len(others.arrivals) == gone_at


async def test_what_is_taken_away_never_arrives_once_it_is_followed(world: World) -> None:
    """The endpoint refuses all before, so that what the old version rendered waits for its retry."""
    mails, last, is_open = list[int](), dict[str, str](), asyncio.Event()

    def decide(request: Received) -> Answer:
        mails.append(request.body.count(b"@example.com"))
        if not is_open.is_set():
            return Answer(status=503)
        body = json.loads(request.body)
        if "person" in body:  # an exit that was not posted goes out without it, before the profile as it is now
            last[body["person"]["id"]] = body["segmentMembership"]["ups"][SEGMENT]["lastQualificationTime"]
        return Answer()

    world.endpoint.decide = decide
    wide = world.destination(attributes=["person.id", "person.email"])
    first, second = world.worker("first", documents=[wide]), world.worker("second", documents=[wide])
    await asyncio.gather(first.start(), second.start())
    await all_known(world, first, second)
    await world.produce("memberships", toggles(PROFILES, range(5)))
    async with changing(world) as documents:
        await until(lambda: len(mails) > 100, 60, what="requests that fail")
        await documents.change(world.destination(), narrows=True)
        await documents.are_following(2, {"crm.1": 2})
        told = len(mails)
        is_open.set()
        await until(lambda: last == dict.fromkeys(PROFILES, moment(4)), 60, what="each profile as it is now")
        assert await first.metric("streams_exports_ended_total", end="withdrawn") > 0
        await world.produce("memberships", toggles(PROFILES, [5]))
        await until(lambda: last == dict.fromkeys(PROFILES, moment(5)), 60, what="what came since")

    assert sum(mails[:told]) > 0
    assert sum(mails[told:]) == 0
