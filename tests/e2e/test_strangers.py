"""A stranger's topics on a real broker: flat JSON arrives, and whatever else comes costs itself and nothing more."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from aiokafka.partitioner import DefaultPartitioner

from tests.e2e.world import SEGMENT, Ledger, World, fragment, toggles
from tests.poison import POISONS
from tests.waiting import until

pytestmark = pytest.mark.kafka

PROFILES = [f"profile-{number}" for number in range(12)]
LARGE = {"max_request_size": 4 * 1024 * 1024, "compression_type": "gzip"}
"""So that the broker takes what the worker must refuse."""
PARTITIONS = 4
Told = tuple[str, int, int, str]
"""Topic, partition, offset and reason."""


async def letters(world: World) -> list[Told]:
    """Return what the dead letters tell."""
    found = []
    for record in await world.client.read(f"{world.app}.dead-letters"):
        told = {name: content.decode() for name, content in record.headers}
        place = (told[f"__connect.errors.{name}"] for name in ("topic", "partition", "offset"))
        topic, partition, offset = place
        found.append((topic, int(partition), int(offset), told["streams.reason"]))
    return found


async def poisoned(world: World, role: str) -> list[Told]:
    """Put in every kind of poison, keyed by profiles that are well, and one record on a wrong partition."""
    kinds = [poison for poison in POISONS if poison.role == role]
    keyed = [(each.key(PROFILES[n % len(PROFILES)].encode()), each.value) for n, each in enumerate(kinds)]
    places = await world.produce(role, keyed, **LARGE)
    expected = [(world.topic(role), *place, each.reason) for place, each in zip(places, kinds, strict=True)]
    key = PROFILES[0].encode()
    elsewhere = (DefaultPartitioner()(key, list(range(PARTITIONS)), []) + 1) % PARTITIONS
    (astray,) = await world.produce(role, [(key, b'{"person": {"id": "astray"}}')], partition=elsewhere)
    return [*expected, (world.topic(role), *astray, "wrong-partition")]


async def test_every_kind_of_poison_is_one_dead_letter_and_the_neighbours_flow_on(world: World) -> None:
    ledger = Ledger()
    world.endpoint.observe = ledger.take
    worker = world.worker(settings=world.settings(partitioner="murmur2"))
    await worker.start()
    expected = await poisoned(world, "profiles")
    await world.produce("profiles", [(profile.encode(), fragment(profile)) for profile in PROFILES])
    await world.produce("memberships", toggles(PROFILES, [0]))
    await until(lambda: len(ledger.bodies) >= len(PROFILES), 30, what="everybody has entered")
    expected += await poisoned(world, "memberships")
    await world.produce("memberships", toggles(PROFILES, [1]))
    await until(lambda: all(steps[-1] == 1 for steps in ledger.steps().values()), 30, what="everybody has left")

    async def all_told() -> bool:
        return len(await letters(world)) >= len(expected)

    await until(all_told, 10, what="each is told of")
    assert Counter(await letters(world)) == Counter(expected)
    assert ledger.steps() == {profile: [0, 1] for profile in PROFILES}
    assert {body["person"]["id"] for body in ledger.last().values()} == set(PROFILES)
    malformed = Counter(reason for *_, reason in expected)
    for reason, count in malformed.items():
        assert await worker.metric("streams_records_malformed_total", reason=reason) == count
    assert await worker.terminate() == 0
    assert sum((await world.client.committed(world.app, world.topic("memberships"))).values()) == (
        2 * len(PROFILES) + len([told for told in expected if told[0] == world.topic("memberships")])
    )


async def test_flat_json_arrives_by_the_paths_and_words_that_are_declared(world: World) -> None:
    inputs = {
        "memberships": {
            "topic": world.topic("memberships"),
            "segment": "$.audience.id",
            "status": "$.action",
            "statusValues": {"add": "realized", "remove": "exited"},
            "time": "$.ts",
            "timeUnit": "milliseconds",
        },
        "profiles": [
            {"topic": world.topic("profiles"), "attributes": "$.user", "identities": {"crmId": "$.user.number"}}
        ],
    }
    worker = world.worker(settings=world.settings(inputs=inputs), documents=[world.destination(attributes=["email"])])
    await worker.start()

    def event(action: str, ts: int) -> list[tuple[bytes, bytes]]:
        return [(b"ada", json.dumps({"audience": {"id": SEGMENT}, "action": action, "ts": ts}).encode())]

    await world.produce("profiles", [(b"ada", b'{"user": {"number": 7, "email": "ada@example.com"}, "v": 1}')])

    async def read() -> bool:
        return await worker.metric("streams_records_total", topic=world.topic("profiles")) == 1

    await until(read, 20, what="the profile is read")
    await world.produce("memberships", event("add", 1_590_441_879_000))
    await world.endpoint.served(1)
    await world.produce("memberships", event("renamed", 1_590_441_880_000) + event("remove", 1_590_441_881_250))
    bodies: list[Any] = [json.loads(received.body) for received, _ in await world.endpoint.served(2)]

    assert bodies == [
        {
            "email": "ada@example.com",
            "segmentMembership": {"ups": {SEGMENT: {"lastQualificationTime": time, "status": status}}},
            "identityMap": {"crmId": [{"id": "7"}]},
        }
        for time, status in (("2020-05-25T21:24:39Z", "realized"), ("2020-05-25T21:24:41.250Z", "exited"))
    ]
    assert [told[3] for told in await letters(world)] == ["unknown-status"]
