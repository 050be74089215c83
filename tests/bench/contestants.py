"""Who is measured: each takes records of its own from Kafka, and what follows from them goes to the same endpoint."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.bench.lab import WITHIN_SECONDS, Lab, Plant, a_destination, a_plant
from tests.bench.processes import cpu_seconds, frozen, told
from tests.bench.records import PARTITIONS, Entry, export
from tests.bench.writing import trickle, write
from tests.brokers.client import Client

BATCH = 100
"""Exports in a batch, at most."""
LINGER_MS = 20
SETTLING_SECONDS = 1.0
"""Left out at the beginning of a latency's run: connections are made."""
WRITTEN_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be delivered: *profiles* are the numbers of those whose exports have the payload."""

    latency_ms: int
    payload_bytes: int
    profiles: Sequence[int]


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn took: of the process that is measured, and of the endpoint, as shares of a core."""

    cpu_us: float
    """Per export."""
    per_second: float
    """Exports, between the first and the last answer."""
    cores: float
    endpoint_cores: float
    per_request: float
    """Exports."""


@dataclass(frozen=True, slots=True)
class Trickle:
    """How long each export took, and the share of a core that the process used meanwhile."""

    seconds: list[float]
    """From when it was to be produced until it was answered."""
    cores: float


class Contestant:
    """One process; *entries* makes the records that lead to so many exports of a load."""

    def __init__(self, lab: Lab, pid: int, entries: Callable[[Load, int], Sequence[Entry]]) -> None:
        self.lab, self.pid, self._entries = lab, pid, entries

    async def turn(self, load: Load, count: int) -> Turn:
        """Let it deliver *count* exports that are there at once when it begins."""
        lab, entries = self.lab, self._entries(load, count)
        await lab.begin(load.latency_ms)
        before = await lab.endpoint.tell()
        began = cpu_seconds(self.pid)
        with frozen(self.pid):
            await write(lab.bootstrap, entries)
        after = await lab.answered(count)
        used = cpu_seconds(self.pid) - began
        if (again := after["exports"] - count) > 0:
            print(f"  {again} exports came twice: the machine is too busy for time-outs", file=sys.stderr)
        took = after["last_at"] - after["first_at"] + load.latency_ms / 1000
        speed = count / took
        lab.busiest[load.payload_bytes] = max(lab.busiest.get(load.payload_bytes, 0), after["requests"] / took)
        return Turn(
            cpu_us=used * 1e6 / count,
            per_second=speed,
            cores=used / took,
            endpoint_cores=(after["cpu_seconds"] - before["cpu_seconds"]) / took,
            per_request=count / after["requests"],
        )

    async def trickle(self, load: Load, per_second: float, seconds: float) -> Trickle:
        """Let it deliver exports of different profiles that come one by one."""
        lab, entries = self.lab, self._entries(load, int(per_second * seconds))
        await lab.begin(load.latency_ms, watching=True)
        began = cpu_seconds(self.pid)
        due = await trickle(lab.bootstrap, entries, per_second)
        used = cpu_seconds(self.pid) - began
        seen = await lab.answered(len(entries), seen=True)
        at = {number: moment for _, number, moment in seen["seen"]}
        numbers = [int(entry.key.rpartition(b"-")[2]) for entry in entries]
        assert len(at) == len(numbers)
        took = {number: at[number] - moment for number, moment in zip(numbers, due, strict=True)}
        counted = numbers[int(per_second * SETTLING_SECONDS) :]
        return Trickle([took[number] for number in counted], used / seconds)


class Activating(Contestant):
    """A worker whose exports nobody delivers: its turn is over when the last one is written."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(plant.lab, plant.worker.pid, changes(plant))
        self._plant = plant

    async def turn(self, load: Load, count: int) -> Turn:
        """Let it export *count* records that are there at once when it begins."""
        entries, written = self._entries(load, count), await self._plant.written()
        began = cpu_seconds(self.pid)
        with frozen(self.pid):
            await write(self.lab.bootstrap, entries)
        started = time.monotonic()
        async with asyncio.timeout(WITHIN_SECONDS):
            while (now := await self._plant.written()) < written + count:  # noqa: ASYNC110 - in another process
                await asyncio.sleep(WRITTEN_SECONDS)
        took, used = time.monotonic() - started, cpu_seconds(self.pid) - began
        assert now == written + count
        return Turn(used * 1e6 / count, count / took, used / took, 0.0, 1.0)


class Exports:
    """Makes the exports of a load, in the topic that they are delivered from."""

    def __init__(self, topic: str) -> None:
        self._topic, self._revision = topic, 0

    def __call__(self, load: Load, count: int) -> Sequence[Entry]:
        """Return *count* of them, profile after profile."""
        entries: list[Entry] = []
        while len(entries) < count:
            self._revision += 1
            entries += [
                export(self._topic, number, load.payload_bytes, revision=self._revision)
                for number in load.profiles[: count - len(entries)]
            ]
        return entries


def changes(plant: Plant) -> Callable[[Load, int], Sequence[Entry]]:
    """Return what makes memberships of a plant's profiles."""
    return lambda load, count: plant.changes(load.profiles, count)


@asynccontextmanager
async def bare(lab: Lab) -> AsyncIterator[Contestant]:
    """Lend the bare loop."""
    topic, client = f"bench-{uuid.uuid4().hex[:8]}-bare", Client(lab.bootstrap)
    await client.create_topic(topic, PARTITIONS)
    try:
        async with told("tests.bench.bare", lab.bootstrap, topic, lab.url()) as process:
            yield Contestant(lab, process.pid, Exports(topic))
    finally:
        await client.delete_topics(topic)


@asynccontextmanager
async def delivering(lab: Lab, **delivery: Any) -> AsyncIterator[Contestant]:
    """Lend a worker that only delivers, what is written into its exports topic."""
    async with a_plant(lab, "--stage", "delivery", destinations=[a_destination(lab, **delivery)]) as plant:
        yield Contestant(lab, plant.worker.pid, Exports(plant.exports))


@asynccontextmanager
async def activating(lab: Lab, loads: Iterable[Load]) -> AsyncIterator[Contestant]:
    """Lend a worker that only activates, once it knows the profiles of the loads."""
    async with a_plant(lab, "--stage", "activation") as plant:
        await _put(plant, loads)
        yield Activating(plant)


@asynccontextmanager
async def whole(lab: Lab, loads: Iterable[Load], **delivery: Any) -> AsyncIterator[Contestant]:
    """Lend a worker that does both, once it knows the profiles of the loads."""
    async with a_plant(lab, destinations=[a_destination(lab, **delivery)]) as plant:
        await _put(plant, loads)
        yield Contestant(lab, plant.worker.pid, changes(plant))


async def _put(plant: Plant, loads: Iterable[Load]) -> None:
    for payload_bytes, profiles in {load.payload_bytes: load.profiles for load in loads}.items():
        await plant.put_profiles(profiles, payload_bytes)


def batched(size: int) -> dict[str, Any]:
    """Return what a destination's delivery says to have so many exports in a batch, at most."""
    return {"batch": {"maxExports": size, "lingerMs": LINGER_MS}} if size > 1 else {}
