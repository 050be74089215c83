"""What the benchmarks of whole workers share: broker, cheap endpoint, and workers that are measured by marks."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from streams.exports import exports_topic
from streams.topics import plan as topics
from tests.bench.records import ATTRIBUTES, PARTITIONS, SEGMENTS, Pair, fragment, key_of, memberships, write
from tests.brokers.client import Client
from tests.e2e.processes import WorkerProcess
from tests.waiting import until

INPUTS = ("qualifications", "exits", "profiles")
INCARNATION = "bench.1"
OURS = (topics.changelog, topics.dead_letters)
WITHIN_SECONDS = 120.0
LOOK_SECONDS = 0.25
"""Between two looks at a worker's metrics: each costs it about three milliseconds."""


@dataclass(frozen=True, slots=True)
class Lab:
    """Where a run takes place, and how many *rounds* it has; with *profile*, what runs is profiled once more."""

    bootstrap: str
    url: str
    directory: Path
    rounds: int
    profile: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """What a worker has used and done since its start."""

    cpu_seconds: float
    activated: float
    not_triggered: float
    delivered: float


class Plant:
    """One app: its topics, its worker, and the records that are put in."""

    def __init__(self, lab: Lab, worker: WorkerProcess, app: str) -> None:
        self.lab, self.worker, self.app = lab, worker, app
        self.exports = exports_topic(app, INCARNATION)
        self._turn = 0

    def topic(self, name: str) -> str:
        """Return the full name of one of the app's inputs."""
        return f"{self.app}-{name}"

    async def mark(self) -> Mark:
        """Look at the worker's metrics once."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.worker.port}/metrics") as answer,
        ):
            families = text_string_to_metric_families(await answer.text())
        samples = [sample for family in families for sample in family.samples]

        def total(name: str, **labels: str) -> float:
            return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())

        return Mark(
            cpu_seconds=total("process_cpu_seconds_total"),
            activated=total("streams_records_total", end="activated"),
            not_triggered=total("streams_records_total", end="not-triggered"),
            delivered=total("streams_exports_ended_total", end="delivered"),
        )

    async def put_profiles(self, count: int) -> None:
        """Give the worker *count* fragments, and wait until it has taken them."""
        topic = self.topic("profiles")
        await write(self.lab.bootstrap, ((topic, (key_of(number), fragment(number))) for number in range(count)))
        await self.reaches("not_triggered", count)

    def next_turn(self, profiles: int) -> Sequence[tuple[str, Pair]]:
        """Return records of which each has its export, with their topics."""
        records = [(self.topic(name), pair) for name, pair in memberships(profiles, self._turn)]
        self._turn += 1
        return records

    async def reaches(self, what: str, count: float) -> Mark:
        """Wait until a figure of the mark is *count*, and return that mark."""
        async with asyncio.timeout(WITHIN_SECONDS):
            while getattr(mark := await self.mark(), what) < count:  # noqa: ASYNC110 - in another process
                await asyncio.sleep(LOOK_SECONDS)
        return mark

    async def has_exported(self, count: int) -> None:
        """Wait until the exports topic holds *count* exports, and see that it holds no more."""
        client = Client(self.lab.bootstrap)

        async def written() -> bool:
            return sum((await client.end_offsets(self.exports)).values()) >= count

        await until(written, WITHIN_SECONDS, "the last export")
        assert sum((await client.end_offsets(self.exports)).values()) == count


@asynccontextmanager
async def a_plant(
    lab: Lab, *arguments: str, settings: Mapping[str, Any] | None = None, start: bool = True
) -> AsyncIterator[Plant]:
    """Make an app whose worker runs with *arguments* (without *start*, its caller starts it), and end it."""
    app = f"bench-{uuid.uuid4().hex[:8]}"
    worker = WorkerProcess(lab.directory / app, _settings(lab, app) | dict(settings or {}), [_destination(lab)])
    plant, client = Plant(lab, worker, app), Client(lab.bootstrap)
    inputs = [plant.topic(name) for name in INPUTS]
    for topic in inputs:
        await client.create_topic(topic, PARTITIONS)
    try:
        if start:
            await worker.start(*arguments)
        yield plant
    finally:
        with suppress(TimeoutError, ProcessLookupError, AssertionError):
            await worker.terminate()
        await worker.close()
        await client.delete_topics(*inputs, *[own(app, PARTITIONS).name for own in OURS], plant.exports)


def _settings(lab: Lab, app: str) -> dict[str, Any]:
    return {
        "app": app,
        "kafka": {"bootstrapServers": lab.bootstrap},
        "inputs": {name: f"{app}-{name}" for name in ("qualifications", "exits")} | {"profiles": [f"{app}-profiles"]},
        "log": {"delivered": False},
    }


def _destination(lab: Lab) -> dict[str, Any]:
    return {
        "kind": "destination",
        "name": "bench",
        "account": {"httpEndpoint": lab.url},
        "segments": list(SEGMENTS),
        "attributes": list(ATTRIBUTES),
    }
