"""What the benchmarks share: a broker, the cheap endpoint, and real workers with topics of their own."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from streams.exports import exports_topic
from tests.bench.endpoint import SILENT as SILENT
from tests.bench.processes import Told
from tests.bench.records import ATTRIBUTES, PARTITIONS, SEGMENTS, Entry, fragment_for, key_of, memberships
from tests.bench.writing import write
from tests.brokers.client import Client
from tests.e2e.processes import WorkerProcess

INPUTS = ("qualifications", "exits", "profiles")
WITHIN_SECONDS = 180.0
LOOK_SECONDS = 0.05
"""Between two questions to the endpoint, which cost the worker nothing."""
METRICS_SECONDS = 0.25
"""Between two looks at a worker's metrics: each costs it about three milliseconds."""
PATH = "/profiles"
TIMEOUT_SECONDS = 10
"""Of an attempt: a machine that is busy for a moment is not to be measured by what is then repeated."""
NAME = "bench"


@dataclass(frozen=True, slots=True)
class Lab:
    """Where a run takes place, and how many *rounds* it has; with *profile*, what runs is profiled once more."""

    bootstrap: str
    endpoint: Told
    directory: Path
    rounds: int
    profile: bool
    busiest: dict[int, float] = field(default_factory=dict)
    """The most requests per second that were asked of the endpoint, by their payload."""

    def url(self, path: str = PATH) -> str:
        """Return where an endpoint is."""
        return f"http://127.0.0.1:{self.endpoint.first}{path}"

    async def begin(self, latency_ms: float, *, watching: bool = False) -> None:
        """Let the endpoint count anew, and answer after a latency."""
        await self.endpoint.tell(latency_ms=latency_ms, watching=watching)

    async def answered(self, exports: int, *, seen: bool = False) -> dict[str, Any]:
        """Wait until the endpoint has answered so many exports, and return what it tells."""
        deadline = time.monotonic() + WITHIN_SECONDS
        while (told := await self.endpoint.tell())["exports"] < exports:
            if time.monotonic() > deadline:
                raise TimeoutError(f"of {exports} exports only {told['exports']} came within {WITHIN_SECONDS} s")
            await asyncio.sleep(LOOK_SECONDS)
        return await self.endpoint.tell(seen=True) if seen else told


class Plant:
    """One app: its topics, its worker, and the records that are put in."""

    def __init__(self, lab: Lab, worker: WorkerProcess, app: str) -> None:
        self.lab, self.worker, self.app = lab, worker, app
        self.exports = exports_topic(app, f"{NAME}.1")
        self._turns: Counter[tuple[int, int]] = Counter()

    def topic(self, name: str) -> str:
        """Return the full name of one of the app's inputs."""
        return f"{self.app}-{name}"

    async def put_profiles(self, numbers: Iterable[int], payload_bytes: int) -> None:
        """Give the worker the fragments of profiles, and wait until it has taken them."""
        topic = self.topic("profiles")
        entries = [Entry(topic, key_of(number), fragment_for(number, payload_bytes)) for number in numbers]
        before = await self.taken("not-triggered")
        await write(self.lab.bootstrap, entries)
        async with asyncio.timeout(WITHIN_SECONDS):
            while await self.taken("not-triggered") < before + len(entries):  # noqa: ASYNC110 - in another process
                await asyncio.sleep(METRICS_SECONDS)

    async def taken(self, end: str) -> float:
        """Return how many records have ended so."""
        return await self.worker.metric("streams_records_total", end=end)

    def changes(self, numbers: Sequence[int], count: int) -> list[Entry]:
        """Return *count* memberships of profiles, each of which has its export."""
        entries: list[Entry] = []
        for segment in range(len(SEGMENTS)):
            for number in numbers[: count - len(entries)]:
                self._turns[number, segment] += 1
                turn = self._turns[number, segment]
                ((name, pair),) = memberships((number,), turn, segment=segment)
                entries.append(Entry(self.topic(name), *pair))
        assert len(entries) == count
        return entries

    async def written(self) -> int:
        """Return how many exports there are in the topic."""
        return sum((await Client(self.lab.bootstrap).end_offsets(self.exports)).values())


@asynccontextmanager
async def a_plant(
    lab: Lab,
    *arguments: str,
    destinations: Sequence[Mapping[str, Any]] = (),
    settings: Mapping[str, Any] | None = None,
    start: bool = True,
) -> AsyncIterator[Plant]:
    """Make an app whose worker runs with *arguments* (without *start*, its caller starts it), and end it.

    Without *destinations* it has one, called ``NAME``.
    """
    app = f"bench-{uuid.uuid4().hex[:8]}"
    documents = destinations or [a_destination(lab)]
    worker = WorkerProcess(lab.directory / app, _settings(lab, app) | dict(settings or {}), documents)
    plant, client = Plant(lab, worker, app), Client(lab.bootstrap)
    for name in INPUTS:
        await client.create_topic(plant.topic(name), PARTITIONS)
    try:
        if start:
            await worker.start(*arguments, until_ready=False)
            await worker.ready(WITHIN_SECONDS)
        yield plant
    finally:
        with suppress(TimeoutError, ProcessLookupError, AssertionError):
            await worker.terminate()
        await worker.close()
        await _leave_nothing(client, app)


async def _leave_nothing(client: Client, app: str) -> None:
    async with client.admin() as admin:
        assert isinstance(admin, AIOKafkaAdminClient)
        ours = [name for name in await admin.list_topics() if name.startswith((f"{app}-", f"{app}."))]
        await admin.delete_topics(ours)


def _settings(lab: Lab, app: str) -> dict[str, Any]:
    return {
        "app": app,
        "kafka": {"bootstrapServers": lab.bootstrap},
        "inputs": {name: f"{app}-{name}" for name in ("qualifications", "exits")} | {"profiles": [f"{app}-profiles"]},
        "log": {"delivered": False},
    }


def a_destination(lab: Lab, name: str = NAME, path: str = PATH, **delivery: Any) -> dict[str, Any]:
    """Return the document of a destination that takes all that the benchmarks export."""
    return {
        "kind": "destination",
        "name": name,
        "account": {"httpEndpoint": lab.url(path)},
        "segments": list(SEGMENTS),
        "attributes": list(ATTRIBUTES),
        "delivery": {"timeoutSeconds": TIMEOUT_SECONDS} | delivery,
    }
