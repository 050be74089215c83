"""A worker whose state directory has no room, or may not be written, ends and says so; with room again it goes on."""

from __future__ import annotations

import json
import random
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streams.demo.endpoint import Answer, Received
from tests.brokers.client import Client
from tests.e2e.processes import WorkerProcess
from tests.e2e.world import Ledger, World, a_world, fragment, toggles
from tests.waiting import until

pytestmark = pytest.mark.kafka

PROFILES = [f"p{number}" for number in range(300)]
SIZE = 16 * 1024
MEBIBYTE = 1024 * 1024
REFUSED = 2


class Disk:
    """A small file system of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def mount(self, *options: str) -> bool:
        """Mount it, or change how it is mounted; False where this machine does not let us."""
        command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(self.path)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def fill(self, but: int) -> None:
        """Leave only *but* bytes free."""
        (self.path / "filler").write_bytes(b"x" * (shutil.disk_usage(self.path).free - but))

    def make_room(self) -> None:
        """Undo that."""
        (self.path / "filler").unlink()

    @property
    def set_aside(self) -> list[Path]:
        """What the worker put away."""
        return list(self.path.glob("profiles/*.set-aside-*"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Lend a disk, where this machine lets us have one."""
    disk = Disk(tmp_path / "disk")
    disk.path.mkdir()
    if not disk.mount("size=64m"):
        pytest.skip("no file system can be mounted here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk.path)], check=True)


async def put(world: World, step: int) -> None:
    """Produce fragments that fill a disk, and a membership of each profile."""
    dice = random.Random(step)
    await world.produce("profiles", [(p.encode(), fragment(p, note=dice.randbytes(SIZE).hex())) for p in PROFILES])
    await world.produce("memberships", toggles(PROFILES, [step]))


async def ended_for_want_of_means(worker: WorkerProcess, why: str) -> None:
    """See that the worker ended with exit code 1, and that one line says which directory, why, and what to do."""
    assert await worker.ended() == 1
    lines = [json.loads(line) for line in worker.log.splitlines() if '"state.unusable"' in line]
    assert len(lines) == 1, worker.log[-3000:]
    assert why in lines[0]["why"]
    assert "/profiles/" in lines[0]["directory"]
    assert "start the worker again" in lines[0]["todo"]
    assert isinstance(lines[0]["free_mib"], int)
    (worker.directory / "worker.log").unlink()


def keep_ledger(world: World) -> Ledger:
    """Have the endpoint write down what it takes."""
    ledger = Ledger()

    def decide(request: Received) -> Answer:
        ledger.take(request)
        return Answer()

    world.endpoint.decide = decide
    return ledger


async def has_all(ledger: Ledger, step: int) -> None:
    """Wait until each profile's export of *step* has arrived."""
    await until(lambda: all(step in ledger.steps().get(p, ()) for p in PROFILES), 60, f"everything of step {step}")


def a_worker(world: World, **settings: Any) -> WorkerProcess:
    """Return a worker whose one destination waits for the attribute that names the profile."""
    named = [{"source": "person.id", "mandatory": True}]
    return world.worker(settings=world.settings(**settings), documents=[world.destination(attributes=named)])


async def test_a_worker_that_runs_out_of_disk_ends_and_loses_nothing(
    client: Client, unique: str, tmp_path: Path, disk: Disk
) -> None:
    async with a_world(client, unique, tmp_path) as world:
        ledger, worker = keep_ledger(world), a_worker(world, state={"directory": str(disk.path)})
        await worker.start()
        await put(world, 0)
        await has_all(ledger, 0)
        disk.fill(but=MEBIBYTE)
        await put(world, 1)
        await ended_for_want_of_means(worker, "No space left")
        await worker.start(until_ready=False)
        await ended_for_want_of_means(worker, "No space left")
        disk.make_room()
        await worker.start()
        await has_all(ledger, 1)

        assert {key for key, bodies in ledger.bodies.items() if len(bodies) > 1} == set()
        assert await worker.terminate() == 0
        assert disk.set_aside == []


async def test_a_worker_whose_files_may_not_grow_ends_and_loses_nothing(
    client: Client, unique: str, tmp_path: Path
) -> None:
    async with a_world(client, unique, tmp_path) as world:
        ledger, worker = keep_ledger(world), a_worker(world)
        await worker.start()
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (512 * 1024, 512 * 1024))
        await put(world, 0)
        await ended_for_want_of_means(worker, "File too large")
        await worker.start()
        await has_all(ledger, 0)

        assert await worker.terminate() == 0


async def test_a_directory_that_may_only_be_read_keeps_the_worker_from_starting(
    client: Client, unique: str, tmp_path: Path, disk: Disk
) -> None:
    async with a_world(client, unique, tmp_path) as world:
        ledger, worker = keep_ledger(world), a_worker(world, state={"directory": str(disk.path)})
        await worker.start()
        await put(world, 0)
        await has_all(ledger, 0)
        await worker.terminate()
        assert disk.mount("remount", "ro")
        await worker.start(until_ready=False)
        assert await worker.ended() == REFUSED
        assert "Read-only file system" in worker.log
        assert disk.mount("remount", "rw")
        await put(world, 1)
        await worker.start()
        await has_all(ledger, 1)
        assert disk.set_aside == []
