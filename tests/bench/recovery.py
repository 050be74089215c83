"""How fast a worker with an empty directory has its profiles back, how much memory that takes, and what growth costs.

The worker that has a million profiles back, and one that has ten thousand, take turns with exports of some of theirs.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from streams.activation.events import Status
from streams.activation.profiles import MembershipSlot, Profile, TextSlot, encode_profile
from streams.exports import Position
from streams.topics import plan as topics
from tests.bench.contestants import Contestant, Load, changes
from tests.bench.figures import Figure, Params, against, figure
from tests.bench.lab import WITHIN_SECONDS, Lab, Plant, a_plant
from tests.bench.processes import rss_bytes
from tests.bench.records import PARTITIONS, SEGMENTS, Entry, fragment, is_entry, key_of
from tests.bench.telling import Steps, Wanted
from tests.bench.writing import write
from tests.brokers.client import Client

SPEED, MEMORY, GROWTH = "recovery_profiles_per_second", "recovery_peak_rss", "growth_cpu_1m_vs_10k"
NAMES = (SPEED, MEMORY, GROWTH)

BYTES_AT_ONCE = 20 * 1024 * 1024
"""Rows held in memory here."""
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shape:
    """How many profiles there are, how large the state of each is, and how many segments it knows."""

    profiles: int
    state_bytes: int = 1024
    memberships: int = len(SEGMENTS)

    @property
    def params(self) -> Params:
        """What tells its figures from others."""
        return {
            "profiles": self.profiles,
            "state_bytes": self.state_bytes,
            "memberships": self.memberships,
            "partitions": PARTITIONS,
            "store": "rocksdb",
        }


FEW, MANY, LARGE = Shape(10_000), Shape(1_000_000), Shape(100_000, 20 * 1024, memberships=200)
GROWTH_PARAMS: Params = {"profiles": MANY.profiles, "than": FEW.profiles, "latency_ms": 0, "payload_bytes": 512}
EXPORTS = 9_000
"""In a turn, each of another profile."""


async def run(lab: Lab, wanted: Wanted) -> list[Figure]:
    """Measure what is *wanted* of ``NAMES``; recovery from the start of the process to the 200 of ``/readyz``."""
    growth = wanted(GROWTH, GROWTH_PARAMS)
    large, many = (any(wanted(name, shape.params) for name in (SPEED, MEMORY)) for shape in (LARGE, MANY))
    steps = Steps("recovery", large + (many or growth) + growth * lab.rounds)
    figures: list[Figure] = []
    if large:
        async with _recovered(lab, LARGE, figures, steps):
            pass
    if many or growth:
        async with _recovered(lab, MANY, figures, steps) as grown:
            if growth:
                figures.append(await _growth(lab, grown, steps))
    return [each for each in figures if wanted(each["name"], each["params"])]


async def _growth(lab: Lab, grown: Plant, steps: Steps) -> Figure:
    costs: list[tuple[float, float]] = []
    async with _recovered(lab, FEW, [], None) as small:
        for number in range(lab.rounds + 1):
            many, few = await _cost(grown, MANY, number), await _cost(small, FEW, number)
            if number:  # connections are made in the first
                costs.append((many, few))
                steps.done(f"{many:.1f} us with {MANY.profiles} profiles, {few:.1f} us with {FEW.profiles}")
    return against(GROWTH, GROWTH_PARAMS, costs, "us")


async def _cost(plant: Plant, shape: Shape, number: int) -> float:
    load = Load(0, 512, random.Random(number).sample(range(shape.profiles), EXPORTS))
    return (await Contestant(plant.lab, plant.worker.pid, changes(plant)).turn(load, EXPORTS)).cpu_us


@asynccontextmanager
async def _recovered(lab: Lab, shape: Shape, figures: list[Figure], steps: Steps | None) -> AsyncIterator[Plant]:
    """Lend a worker that has built its state from the changelog, and say how that was."""
    async with a_plant(lab, start=False) as plant:
        spec = topics.changelog(plant.app, PARTITIONS)
        await Client(lab.bootstrap).create_topic(spec.name, spec.partitions, **spec.config)
        at_once = BYTES_AT_ONCE // shape.state_bytes
        for first in range(0, shape.profiles, at_once):
            numbers = range(first, min(first + at_once, shape.profiles))
            await write(lab.bootstrap, _rows(plant, spec.name, shape, numbers))
        began = time.monotonic()
        await plant.worker.start(until_ready=False)
        await plant.worker.ready(WITHIN_SECONDS)
        took = time.monotonic() - began
        peak = rss_bytes(plant.worker.pid, peak=True) / MEBIBYTE
        loading = _loading_seconds(plant.worker.log, shape.profiles)
        speed = {"loading_only": round(shape.profiles / loading)}
        figures.append(figure(SPEED, shape.params, round(shape.profiles / took), "profiles/s", **speed))
        figures.append(figure(MEMORY, shape.params, round(peak), "MiB"))
        if steps:
            steps.done(f"{shape.profiles / took:.0f} profiles/s, {peak:.0f} MiB  {shape.profiles}")
        yield plant


def _rows(plant: Plant, changelog: str, shape: Shape, numbers: range) -> Iterator[Entry]:
    position = Position(plant.topic("exits"), 0, 0, 1_700_000_000_000)
    names = [*SEGMENTS, *(f"segment-{number:03d}" for number in range(shape.memberships))][: shape.memberships]
    statuses = [Status.REALIZED if is_entry(0, number) else Status.EXITED for number in range(len(names))]
    slots = [MembershipSlot(status, 1_700_000_000_000_000, position) for status in statuses]
    memberships = {"ups": dict(zip(names, slots, strict=True))}
    source = plant.topic("profiles")
    room = shape.state_bytes - len(_state(source, 0, memberships, b""))
    for number in numbers:
        yield Entry(changelog, key_of(number), _state(source, number, memberships, fragment(number, room)))


def _state(source: str, number: int, memberships: dict[str, dict[str, MembershipSlot]], text: bytes) -> bytes:
    slot = TextSlot(text, Position(source, 0, number, 1_700_000_000_000))
    return encode_profile(Profile(revision=number + 1, memberships=memberships, fragments={source: slot}))


def _loading_seconds(log: str, profiles: int) -> float:
    """Return how long the worker says that it took to load, without starting and joining."""
    done = [json.loads(line) for line in log.splitlines() if '"recovery.done"' in line]
    assert [each["loaded"] for each in done] == [profiles], log[-2000:]
    return float(done[0]["seconds"])
