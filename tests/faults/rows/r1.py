"""R1: a state directory moves away and comes back after compaction has dropped the tombstone of someone it holds."""

from __future__ import annotations

import json
from typing import Any

from tests.faults import site
from tests.faults.lab import Lab
from tests.faults.ledger import Endpoint
from tests.faults.profiles import time_of
from tests.faults.result import Result
from tests.waiting import until

NAME = "R1"
WHAT = "state directory away while a person is forgotten and the tombstone compacted, then back (two workers)"

PROFILES, RATE = 100, 40
QUICK = {
    "delete_retention_ms": "1000",
    "segment_ms": "200",
    "min_cleanable_dirty_ratio": "0.01",
    "max_compaction_lag_ms": "200",
}
"""A changelog whose tombstones are soon gone."""
COMPACTED_SECONDS = 120.0
CLUB = "segment-club"
SECRET_NAME = "Nomen Nescio"


async def run(lab: Lab, seed: int) -> Result:
    """Let a know someone, b forget them, and a come back; the club's endpoint is told of them, and of nobody else."""
    await lab.open()
    club = Endpoint(lab.directory / "club")
    await club.start()
    try:
        return await _forget_and_return(lab, seed, club)
    finally:
        await club.close()


async def _forget_and_return(lab: Lab, seed: int, club: Endpoint) -> Result:
    await lab.endpoint.behave(latency=(0.01, 0.1))
    documents = [site.destination(lab.endpoint.url), _club(club)]
    first, second = (lab.worker(name, documents=documents) for name in "ab")
    person = f"{lab.marks.person}-forgotten"
    await first.start()
    await lab.client.configure(f"{lab.app}-profiles-changelog", **QUICK)
    await lab.load.bring(PROFILES)
    await _put(lab, "profiles", person, {"person": {"id": person, "name": SECRET_NAME}})
    await _put(lab, "memberships", person, _membership(2, "realized"))
    await until(lambda: len(club.requests) == 1, 60, "the club is told of a new member")
    assert await first.terminate() == 0
    away = lab.directory / "away"
    first.data.rename(away)

    await second.start()
    lab.load.start(rate=RATE)
    with lab.fault("forgotten and compacted while the directory is away"):
        await _put(lab, "profiles", person, None)
        await until(lambda: _gone(lab, person), COMPACTED_SECONDS, "the tombstone is compacted away")
        assert await second.terminate() == 0
        away.rename(first.data)
        await first.start()
    told = len(club.requests)
    await _put(lab, "memberships", person, _membership(4, "exited"))  # is told of whoever it is
    await until(lambda: len(club.requests) > told, 60, "the club is told of someone who left")
    await lab.flowing(delivered=20)

    result = await lab.judge(NAME, WHAT, seed)
    bodies = [json.loads(request.body) for request in club.requests]
    result.figures |= {"told_before": told, "told_after": len(bodies) - told}
    if "person" not in bodies[0]:
        result.fail("the person was not known to begin with")
    if any("person" in body for body in bodies[told:]):
        result.fail("a forgotten person lives again")
    return result


def _club(club: Endpoint) -> dict[str, Any]:
    more = {"name": "club", "segments": [CLUB], "attributes": ["person.id", "person.name"]}
    return site.merged(site.destination(club.url), more)


def _membership(step: int, status: str) -> dict[str, Any]:
    return {"segmentMembership": {"ups": {CLUB: {"lastQualificationTime": time_of(step), "status": status}}}}


async def _put(lab: Lab, name: str, person: str, value: dict[str, Any] | None) -> None:
    record = None if value is None else json.dumps(value).encode()
    await lab.client.produce(lab.topic(name), [(person.encode(), record)])


async def _gone(lab: Lab, person: str) -> bool:
    """Whether nothing in the changelog tells of the person, not even that they are gone."""
    records = await lab.client.read(f"{lab.app}-profiles-changelog")
    return bool(records) and all(record.key != person.encode() for record in records)
