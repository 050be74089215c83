"""Consent that is withdrawn and given again, on a real broker, as an endpoint comes to know of it."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pytest

from tests.e2e.world import SEGMENT, World, fragment, membership
from tests.waiting import until

pytestmark = pytest.mark.kafka

PEOPLE = [f"person-{number}" for number in range(40)]
YES, NO = {"share": {"val": "y"}}, {"share": {"val": "n"}}


def _says(consents: Any, *others: str) -> list[tuple[bytes, bytes]]:
    """Return a record in which everybody says so, and who they are; *others* are identities that all of them have."""
    return [
        (name.encode(), fragment(name, consents=consents, identityMap={"crmId": [{"id": i} for i in (name, *others)]}))
        for name in PEOPLE
    ]


def _arrived(world: World) -> dict[str | None, bytes]:
    """Return the body by export id, in the order of arrival; one that is posted again is there once."""
    return {received.header("Idempotency-Key"): received.body for received, _ in world.endpoint.answered}


async def _have_arrived(world: World, count: int) -> None:
    await until(lambda: len(_arrived(world)) >= count, 60, what=f"{count} exports have arrived")


async def test_consent_withdrawn_is_one_exit_per_person_and_given_again_an_export_in_full(world: World) -> None:
    """An export that arrives is the next of its profile after all those before it: nothing else can still come."""
    worker = world.worker(documents=[world.destination(consent={"needs": ["share"]})])
    await worker.start()
    await world.produce("profiles", _says(YES))
    await world.produce("memberships", [(name.encode(), membership(SEGMENT, 2, "realized")) for name in PEOPLE])
    await _have_arrived(world, len(PEOPLE))

    await world.produce("profiles", _says(NO))
    await _have_arrived(world, 2 * len(PEOPLE))
    await world.produce("profiles", _says(NO, "nobody is told"))
    await world.produce("profiles", _says(YES))
    await _have_arrived(world, 3 * len(PEOPLE))

    bodies = _arrived(world).values()
    assert not any(b"nobody" in body for body in bodies)
    told = defaultdict[str, list[Any]](list)
    for body in map(json.loads, bodies):
        status = body["segmentMembership"]["ups"][SEGMENT]["status"]
        told[body["identityMap"]["crmId"][0]["id"]].append((status, body.get("person")))
    assert told == {name: [("realized", {"id": name}), ("exited", None), ("realized", {"id": name})] for name in PEOPLE}
    assert await worker.metric("streams_considered_total", exclusion="consent") >= len(PEOPLE)
    assert await worker.terminate() == 0
