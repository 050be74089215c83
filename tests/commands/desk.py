"""An operator's desk: settings and documents in a folder, the command ``streams``, and workers that only report."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from streams.registry.records import DESTINATION, Version
from streams.registry.registry import Registry
from streams.status.shapes import Destination, Report, Stage, Worker, encode, key_of
from streams.topics import plan
from tests.brokers.client import Client
from tests.groups.members import following
from tests.reaching import brokers_of
from tests.waiting import until

PARTITIONS = 3


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> Any:
        """What it told to scripts."""
        return json.loads(self.out)


class Desk:
    """The desk of one operator of an app."""

    def __init__(self, client: Client, app: str, folder: Path) -> None:
        self.client, self.app, self.folder = client, app, folder

    def write(self, name: str, *documents: Mapping[str, Any]) -> None:
        """Write documents to a file."""
        (self.folder / name).write_text(json.dumps(documents))

    async def streams(self, *arguments: str) -> Ended:
        """Run a command to its end."""
        process = await self.start(*arguments)
        out, err = await asyncio.wait_for(process.communicate(), 90)
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start a command."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "streams", *arguments),
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("STREAMS_")},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def done(self, *arguments: str) -> Ended:
        """Run a command that ends with 0."""
        ended = await self.streams(*arguments)
        assert ended.code == 0, ended
        return ended

    async def report(self, *reports: Report) -> None:
        """Let workers report."""
        topic = plan.status(self.app).name
        if not await self.client.partitions(topic):
            await self.client.create_topic(topic, 1, cleanup_policy="compact")
        await self.client.produce(topic, [(key_of(report), encode(report)) for report in reports])

    @asynccontextmanager
    async def registry(self) -> AsyncIterator[Registry]:
        """Look at what is in force."""
        async with following(brokers_of(self.client), plan.destinations(self.app).name) as journal:
            registry = Registry(journal)
            await registry.caught_up()
            yield registry

    async def in_force(self, name: str = "crm") -> Version:
        """Return what is in force of a destination."""
        async with self.registry() as registry:
            version = registry.in_force(DESTINATION, name)
        assert version is not None
        return version

    async def comes(self, name: str, version: int, life: str = "live") -> None:
        """Wait until a version of a destination is in force, as a worker would."""
        async with self.registry() as registry:

            def is_there() -> bool:
                standing = registry.standing(DESTINATION).get(name)
                return standing is not None and standing.version >= version and standing.life == life

            await until(is_there, 60, what=f"{name} version {version} is in force")


def a_worker(id_: str = "w1", *, stages: tuple[str, ...] = ("activation", "delivery"), **others: Any) -> Worker:
    """Return the report of a worker that is live for a minute."""
    now = int(time.time() * 1000)
    return Worker(
        id=id_,
        version="0",
        host="h",
        pid=1,
        started_at=now,
        written_at=now,
        interval_seconds=5.0,
        session_timeout_seconds=60.0,
        stages={stage: Stage(ready=True) for stage in stages},
        **others,
    )


def a_state(worker: str, name: str, state: str, reason: str, number: int = 1) -> Destination:
    """Return what a worker reports of a destination."""
    incarnation, now = f"{name}.{number}", int(time.time() * 1000)
    return Destination(
        worker=worker, name=name, incarnation=incarnation, version=1, written_at=now, state=state, reason=reason
    )


async def a_desk(client: Client, app: str, folder: Path) -> Desk:
    """Return a desk whose inputs are there."""
    inputs = {"memberships": f"{app}-memberships", "profiles": [f"{app}-profiles"]}
    for topic in (inputs["memberships"], *inputs["profiles"]):
        await client.create_topic(str(topic), PARTITIONS)
    settings = {"app": app, "kafka": {"bootstrapServers": client.bootstrap}, "inputs": inputs}
    (folder / "streams.yaml").write_text(json.dumps(settings))
    return Desk(client, app, folder)
