"""``streams re-export``: one profile is exported to one destination as it stands, by the worker that owns it."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from zlib import crc32

import pytest

from tests.e2e.processes import WorkerProcess
from tests.e2e.world import SEGMENT, World, fragment, membership
from tests.waiting import until

pytestmark = pytest.mark.kafka


async def streams(worker: WorkerProcess, *arguments: str) -> tuple[int, str, str]:
    """Run the command with a worker's settings."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams", *arguments, "--config", str(worker.directory / "streams.yaml")),
        cwd=worker.directory,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def bodies(world: World) -> list[Any]:
    return [json.loads(received.body) for received, _ in world.endpoint.answered]


async def triggers(world: World) -> list[str]:
    rows = await world.client.read(f"{world.app}.exports.crm.1")
    return [json.loads(dict(row.headers)["streams.meta"])["trigger"] for row in rows]


async def applied(worker: WorkerProcess) -> None:
    code, _, err = await streams(worker, "destinations", "apply", "--no-wait", "document-0.yaml")
    assert code == 0, err


@pytest.mark.parametrize("partitioner", ["murmur2", "crc32", "any"])
async def test_a_profile_is_exported_once_more_as_it_is_now(world: World, partitioner: str) -> None:
    key = b"someone"
    place = {"partition": crc32(key) % 4} if partitioner == "crc32" else {}
    worker = world.worker(settings=world.settings(partitioner=partitioner))
    await worker.start()
    await world.produce("profiles", [(key, fragment("someone"))], **place)
    await world.produce("memberships", [(key, membership(SEGMENT, 1, "realized"))], **place)
    await asyncio.wait_for(world.endpoint.served(1), 90)
    await applied(worker)

    code, out, err = await streams(
        worker, "re-export", "--profile", "someone", "--destination", "crm", "--output", "json"
    )

    assert (code, err) == (0, "")
    (request,) = await world.client.read(f"{world.app}.commands")
    assert json.loads(out) == {"topic": request.topic, "partition": request.partition, "offset": request.offset}
    await asyncio.wait_for(world.endpoint.served(2), 90)
    first, second = bodies(world)
    assert first == second
    assert await triggers(world) == ["entered", "re-export"]

    async def is_counted() -> bool:
        return await worker.metric("streams_records_total", topic=f"{world.app}.commands", end="activated") == 1

    await until(is_counted, 10, what="the books have it")


async def test_what_cannot_be_asked_is_told(world: World) -> None:
    worker = world.worker()
    await worker.start()
    await applied(worker)

    for arguments, code, told in (
        (("--profile", "p", "--destination", "cmr"), 2, "did you mean 'crm'?"),
        (("--profile", "p", "--destination", "crm", "--partition", "4"), 2, "the partitions 0 to 3"),
        (("--profile", "p", "--destination", "crm", "--partition", "3"), 0, ""),
    ):
        ended, out, err = await streams(worker, "re-export", *arguments)
        assert (ended, "Traceback" in err) == (code, False)
        assert told in err
    assert out == f"{world.app}.commands-3-0\n"
