"""A small world for whole workers: topics of one app, an endpoint that keeps a ledger, a token server, profiles."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from streams.demo.endpoint import MockEndpoint, Received
from streams.demo.tokens import MockTokenServer
from tests.brokers.client import Client, Pair
from tests.e2e.processes import WorkerProcess

SEGMENT = "segment-a"
BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
SECRET = "correct horse battery staple"


def moment(step: int) -> str:
    """Return the time of the *step*-th event of a profile."""
    return (BEGINNING + timedelta(seconds=step)).strftime("%Y-%m-%dT%H:%M:%SZ")


def membership(segment: str, step: int, status: str | None = None) -> bytes:
    """Return a membership record of one segment."""
    entry = {"lastQualificationTime": moment(step)} | ({"status": status} if status else {})
    return json.dumps({"segmentMembership": {"ups": {segment: entry}}}).encode()


def fragment(profile: str, **more: Any) -> bytes:
    """Return a profile's fragment; ``person.id`` is mapped by the destinations here, so that bodies name it."""
    return json.dumps({"person": {"id": profile, "name": "not mapped"}, **more}).encode()


def toggles(profiles: Sequence[str], steps: Iterable[int]) -> list[Pair]:
    """Return, for each step, a record of every profile: it enters at even steps and exits at odd ones."""
    return [
        (profile.encode(), membership(SEGMENT, step, "exited" if step % 2 else "realized"))
        for step in steps
        for profile in profiles
    ]


@dataclass
class Ledger:
    """What an endpoint received, as the judge of a run: by export id, and by profile in the order of arrival."""

    bodies: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    arrivals: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def take(self, received: Received) -> None:
        """Note one request that was answered with success."""
        key = received.header("Idempotency-Key")
        assert key is not None
        body = json.loads(received.body)
        self.bodies[key].add(received.body)
        self.arrivals.append((key, body["person"]["id"], body))

    @property
    def repeats(self) -> int:
        """How many requests carried an id that had arrived before."""
        return len(self.arrivals) - len(self.bodies)

    def steps(self, segment: str = SEGMENT) -> dict[str, list[int]]:
        """Return for each profile the steps whose state arrived, in order; a repeated id counts once."""
        seen, steps = set[str](), defaultdict[str, list[int]](list)
        for key, profile, body in self.arrivals:
            if key not in seen:
                seen.add(key)
                time = body["segmentMembership"]["ups"][segment]["lastQualificationTime"]
                steps[profile].append(int((datetime.fromisoformat(time) - BEGINNING).total_seconds()))
        return steps

    def last(self) -> dict[str, dict[str, Any]]:
        """Return the body that arrived last for each profile."""
        return {profile: body for _, profile, body in self.arrivals}


class World:
    """An app's topics on the broker, and what its destinations talk to."""

    def __init__(
        self, client: Client, app: str, directory: Path, endpoint: MockEndpoint, tokens: MockTokenServer
    ) -> None:
        self.client, self.app, self.directory = client, app, directory
        self.endpoint, self.tokens = endpoint, tokens
        self.workers: list[WorkerProcess] = []

    def topic(self, name: str) -> str:
        """Return the full name of one of the app's inputs."""
        return f"{self.app}-{name}"

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return the settings of a worker of this app; short sessions, so that a crash is noticed soon."""
        return {
            "app": self.app,
            "kafka": {"bootstrapServers": self.client.bootstrap},
            "inputs": {"memberships": self.topic("memberships"), "profiles": [self.topic("profiles")]},
            "activation": {"sessionTimeoutSeconds": 6},
            "delivery": {"sessionTimeoutSeconds": 6},
            **more,
        }

    def destination(self, **more: Any) -> dict[str, Any]:
        """Return a destination that maps one segment and ``person.id``, without credentials.

        The endpoint shares its process with all else that a test does, and has half a minute for an answer.
        """
        return {
            "kind": "destination",
            "name": "crm",
            "account": {"httpEndpoint": f"{self.endpoint.url}/v1"},
            "segments": [SEGMENT],
            "attributes": ["person.id"],
            "delivery": {"timeoutSeconds": 30},
            **more,
        }

    def worker(
        self,
        name: str = "worker",
        *,
        settings: Mapping[str, Any] | None = None,
        documents: Sequence[Mapping[str, Any]] | None = None,
        **options: Any,
    ) -> WorkerProcess:
        """Return a worker that is not yet started; it is ended with the world."""
        worker = WorkerProcess(
            self.directory / name,
            self.settings() if settings is None else settings,
            [self.destination()] if documents is None else documents,
            **options,
        )
        self.workers.append(worker)
        return worker

    async def produce(self, name: str, records: Iterable[Pair], **options: Any) -> list[tuple[int, int]]:
        """Produce records to one of the app's inputs; returns where they are, as (partition, offset)."""
        return await self.client.produce(self.topic(name), records, **options)


@asynccontextmanager
async def a_world(client: Client, app: str, directory: Path, partitions: int = 4) -> AsyncIterator[World]:
    """Make a world, and end all of it."""
    endpoint, tokens = MockEndpoint(), MockTokenServer(("streams", SECRET))
    world = World(client, app, directory, endpoint, tokens)
    for name in ("memberships", "qualifications", "exits", "profiles"):
        await client.create_topic(world.topic(name), partitions)
    await endpoint.start()
    await tokens.start()
    try:
        yield world
    finally:
        for worker in world.workers:
            await worker.close()
        await endpoint.close()
        await tokens.close()
