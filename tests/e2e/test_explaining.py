"""Two workers, asked by the commands: the owner explains, the token guards, and what is known of all adds up."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from streams.activation.partitioners import murmur2
from tests.commands.desk import Ended
from tests.commands.in_process import streams
from tests.e2e.processes import WorkerProcess
from tests.e2e.world import SEGMENT, World, fragment, membership
from tests.waiting import until

pytestmark = pytest.mark.kafka

PROFILES = [f"profile-{number}" for number in range(16)]
HOMES = {murmur2(profile.encode()) % 4: profile for profile in PROFILES}
"""One that lives in each partition."""
TOKEN = "open-sesame-1"


def a_desk(world: World, name: str, **http: Any) -> Path:
    """Return the folder of an operator whose settings hold a token of their own, or none."""
    folder = world.directory / name
    (folder / "secrets").mkdir(parents=True)
    for key, value in http.items():
        (folder / "secrets" / key).write_text(value)
    references = {key: f"${{file:{key}}}" for key in http}
    settings = world.settings(http=references, secrets={"directory": "secrets"})
    (folder / "streams.yaml").write_text(json.dumps(settings))
    return folder


async def read(workers: list[WorkerProcess], topic: str) -> bool:
    """Whether all fragments have been read, so that each entry is what triggers."""
    return sum([await worker.metric("streams_records_total", topic=topic) for worker in workers]) == len(PROFILES)


async def counted(folder: Path) -> bool:
    """Whether each record is counted once, at whatever worker, and each export as delivered."""
    (crm,) = (await streams(folder, "status", "--output", "json")).told["destinations"]
    counts = crm["counts"]
    return bool(counts["received"] == counts["activated"] == counts["delivered"] == len(PROFILES))


async def explained(folder: Path, profile: str, *more: str) -> Ended:
    return await streams(folder, "explain", "--profile", profile, "--destination", "crm", "--output", "json", *more)


async def test_the_owner_of_each_profile_explains_it_to_who_shows_the_token(world: World) -> None:
    environment = {"STREAMS_HTTP_TOKEN": TOKEN}
    workers = [world.worker(name, secrets=environment) for name in ("first", "second")]
    await asyncio.gather(*(worker.start() for worker in workers))
    for worker in workers:

        async def owns(worker: WorkerProcess = worker) -> bool:
            return await worker.metric("streams_partitions_assigned", stage="activation") == 2

        await until(owns, 60, what="each worker owns two of the four partitions")
    await world.produce("profiles", [(each.encode(), fragment(each)) for each in PROFILES])
    await until(lambda: read(workers, world.topic("profiles")), 60, what="the fragments are read")
    await world.produce("memberships", [(each.encode(), membership(SEGMENT, 0, "realized")) for each in PROFILES])
    await until(lambda: len(world.endpoint.answered) >= len(PROFILES), 60, what="all were exported")
    desk, stranger = a_desk(world, "desk", token=TOKEN), a_desk(world, "stranger", token="open-sesame-2")

    answers = [await explained(desk, each, "--reveal") for each in HOMES.values()]
    masked = await explained(desk, PROFILES[0])
    unknown, refused = await explained(desk, "nobody"), await explained(stranger, PROFILES[0])
    tokenless = await explained(a_desk(world, "tokenless"), PROFILES[0])
    known = [await streams(desk, each, "--output", "json") for each in ("segments", "attributes")]
    await until(lambda: counted(desk), 60, what="the reports tell what became of all")

    assert {each.told["partition"]: each.told["profile"] for each in answers} == HOMES, "both workers were asked"
    assert {(each.told["end"], each.told["told"]["trigger"]) for each in answers} == {("activated", "entered")}
    sent = [each.told["exports"][0]["body"]["person"]["id"] for each in answers]
    assert sent == [*HOMES.values()]
    assert PROFILES[0] not in masked.out
    assert "<text, 9 characters>" in masked.out
    assert (unknown.code, refused.code, tokenless.code) == (1, 2, 2)
    assert unknown.err.rstrip().endswith("[profile-unknown]")
    assert refused.err.rstrip().endswith("[wrong-token]")
    assert tokenless.err.rstrip().endswith("[no-token]")
    segments, attributes = (each.told for each in known)
    assert segments["segments"] == [{"namespace": "ups", "segment": SEGMENT, "statuses": {"realized": len(PROFILES)}}]
    assert (segments["profiles"], segments["missing"]) == (len(PROFILES), [])
    assert {each["path"]: each["share"] for each in attributes["attributes"]} == {"person.id": 1.0, "person.name": 1.0}
    assert [await worker.terminate() for worker in workers] == [0, 0]
    for worker in workers:
        assert not [each for each in (*PROFILES, "nobody", TOKEN, "open-sesame-2") if each in worker.log]
