"""How fast a worker with an empty directory has its profiles back, and how much memory that takes."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streams.activation.events import Status
from streams.activation.profiles import MembershipSlot, Profile, TextSlot, encode_profile
from streams.exports import Position
from streams.topics import plan as topics
from tests.bench.figures import Figure, figure
from tests.bench.lab import Lab, a_plant
from tests.bench.records import PARTITIONS, Pair, fragment, key_of, write
from tests.brokers.client import Client

SPEED, MEMORY = "recovery_profiles_per_second", "recovery_peak_rss"
NAMES = (SPEED, MEMORY)

BYTES_AT_ONCE = 20 * 1024 * 1024
"""Rows held in memory here."""
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shape:
    """How many profiles there are, how large the state of each is, and how many segments it knows."""

    profiles: int
    state_bytes: int
    memberships: int = 0


SHAPES = (Shape(1_000_000, 1024), Shape(100_000, 20 * 1024, memberships=200))


async def run(lab: Lab, wanted: frozenset[str]) -> list[Figure]:
    """Measure what is *wanted* of ``NAMES``, from the start of the process to the 200 of ``/readyz``."""
    figures = [each for shape in SHAPES for each in await _measured(lab, shape)]
    return [each for each in figures if each["name"] in wanted]


async def _measured(lab: Lab, shape: Shape) -> list[Figure]:
    async with a_plant(lab, start=False) as plant:
        spec = topics.changelog(plant.app, PARTITIONS)
        client = Client(lab.bootstrap)
        await client.create_topic(spec.name, spec.partitions, **spec.config)
        at_once = BYTES_AT_ONCE // shape.state_bytes
        for first in range(0, shape.profiles, at_once):
            await write(lab.bootstrap, _rows(spec.name, shape, range(first, min(first + at_once, shape.profiles))))
        began = time.monotonic()
        await plant.worker.start()
        took = time.monotonic() - began
        peak, loading = _peak_rss(plant.worker.pid), _loading_seconds(plant.worker.log, shape.profiles)
    params = {
        "profiles": shape.profiles,
        "state_bytes": shape.state_bytes,
        "memberships": shape.memberships,
        "partitions": PARTITIONS,
        "store": "rocksdb",
    }
    return [
        figure(SPEED, params, round(shape.profiles / took), "profiles/s", loading_only=round(shape.profiles / loading)),
        figure(MEMORY, params, round(peak / MEBIBYTE), "MiB"),
    ]


def _rows(topic: str, shape: Shape, numbers: range) -> Iterator[tuple[str, Pair]]:
    position = Position("memberships", 0, 0, 1_700_000_000_000)
    slot = MembershipSlot(Status.REALIZED, 1_700_000_000_000_000, position)
    memberships = {"ups": {f"segment-{number:03d}": slot for number in range(shape.memberships)}}
    room = shape.state_bytes - len(_state(0, memberships, b""))
    for number in numbers:
        yield topic, (key_of(number), _state(number, memberships, fragment(number, room)))


def _state(number: int, memberships: dict[str, dict[str, MembershipSlot]], text: bytes) -> bytes:
    slot = TextSlot(text, Position("profiles", 0, number, 1_700_000_000_000))
    return encode_profile(
        Profile(
            revision=number + 1, memberships=memberships if memberships["ups"] else {}, fragments={"profiles": slot}
        )
    )


def _peak_rss(pid: int) -> int:
    """Return the most memory that a process has held, in bytes (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def _loading_seconds(log: str, profiles: int) -> float:
    """Return how long the worker says that it took to load, without starting and joining."""
    done = [json.loads(line) for line in log.splitlines() if '"recovery.done"' in line]
    assert [each["loaded"] for each in done] == [profiles], log[-2000:]
    return float(done[0]["seconds"])
