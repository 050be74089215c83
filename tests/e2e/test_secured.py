"""A whole worker on a broker that wants TLS and a login, and what the commands say there."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.brokers.secured import PASSWORD, VARIABLE, Secured
from tests.e2e.processes import WorkerProcess
from tests.e2e.world import SEGMENT, World, a_world, fragment, membership

pytestmark = pytest.mark.kafka

KEY = b"someone"


@pytest.fixture
async def world(secured: Secured, unique: str, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(secured.client, unique, tmp_path, partitions=2) as world:
        yield world


def _worker(world: World, secured: Secured, password: str) -> WorkerProcess:
    settings = world.settings(kafka=secured.settings("SASL_SSL", "SCRAM-SHA-512"))
    return world.worker(settings=settings, secrets={VARIABLE: password})


async def _streams(worker: WorkerProcess, password: str, *arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams", *arguments, "--config", str(worker.directory / "streams.yaml")),
        env={**{k: v for k, v in os.environ.items() if not k.startswith("STREAMS_")}, VARIABLE: password},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode(), err.decode()


async def test_a_worker_delivers_recovers_its_state_and_is_seen_over_tls_with_a_login(
    world: World, secured: Secured
) -> None:
    worker = _worker(world, secured, PASSWORD)
    await worker.start()
    await world.produce("profiles", [(KEY, fragment("someone"))])
    await world.produce("memberships", [(KEY, membership(SEGMENT, 2, "realized"))])
    await asyncio.wait_for(world.endpoint.served(1), 90)
    assert await worker.terminate() == 0

    shutil.rmtree(worker.directory / "data")
    await worker.start()
    await world.produce("memberships", [(KEY, membership(SEGMENT, 3, "exited"))])
    *_, (received, _) = await asyncio.wait_for(world.endpoint.served(2), 90)
    assert json.loads(received.body)["person"] == {"id": "someone"}, "known from the changelog alone"

    commands = [("status", "--output", "json"), ("gaps", "list"), ("topics", "plan")]
    told = await asyncio.gather(*(_streams(worker, PASSWORD, *command) for command in commands))
    warned = [line for _, _, err in told for line in err.splitlines() if not line.startswith("warning: profile input")]
    assert ([code for code, _, _ in told], warned) == ([0] * len(commands), [])
    assert [each["live"] for each in json.loads(told[0][1])["workers"]] == [True]
    assert await worker.terminate() == 0
    assert PASSWORD not in worker.log + "".join(out for _, out, _ in told)
    assert "Traceback" not in worker.log


async def test_a_wrong_password_is_refused_in_one_line_by_the_worker_and_by_the_commands(
    world: World, secured: Secured
) -> None:
    worker = _worker(world, secured, "canary")
    await worker.start(until_ready=False)
    assert await worker.ended(60) == 2
    last = json.loads(worker.log.splitlines()[-1])
    commands = [("status",), ("gaps", "list")]
    told = await asyncio.gather(*(_streams(worker, "canary", *command) for command in commands))

    why = f"{secured.address('SASL_SSL')} refuses the login of 'streams' by SCRAM-SHA-512"
    assert last["event"] == "worker.refused"
    assert last["problems"][0].startswith(why)
    for code, out, err in told:
        assert (code, out) == (2, "")
        assert err.startswith(why)
        assert err.count("\n") == 1
    assert "canary" not in worker.log + "".join(err for *_, err in told)
    assert "Traceback" not in worker.log
