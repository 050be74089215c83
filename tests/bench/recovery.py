"""How fast a worker with an empty directory has its profiles back, and how much memory that takes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from streams.activation.profiles import Profile, TextSlot, encode_profile
from streams.exports import Position
from streams.topics import plan as topics
from tests.bench.figures import Figure, figure
from tests.bench.lab import Lab, a_plant
from tests.bench.records import PARTITIONS, Pair, fragment, key_of, write
from tests.brokers.client import Client

SPEED, MEMORY = "recovery_profiles_per_second", "recovery_peak_rss"
NAMES = (SPEED, MEMORY)

PROFILES = 200_000
STATE_BYTES = 1024
AT_ONCE = 20_000
"""Rows held in memory here."""
MEBIBYTE = 1024 * 1024


async def run(lab: Lab, wanted: frozenset[str]) -> list[Figure]:
    """Measure what is *wanted* of ``NAMES``, from the start of the process to the 200 of ``/readyz``."""
    async with a_plant(lab, start=False) as plant:
        spec = topics.changelog(plant.app, PARTITIONS)
        await Client(lab.bootstrap).create_topic(spec.name, spec.partitions, **spec.config)
        for first in range(0, PROFILES, AT_ONCE):
            await write(lab.bootstrap, _rows(spec.name, range(first, first + AT_ONCE)))
        began = time.monotonic()
        await plant.worker.start()
        took = time.monotonic() - began
        peak, loading = _peak_rss(plant.worker.pid), _loading_seconds(plant.worker.log)
    params = {"profiles": PROFILES, "state_bytes": STATE_BYTES, "partitions": PARTITIONS, "store": "rocksdb"}
    figures = [
        figure(SPEED, params, round(PROFILES / took), "profiles/s", loading_only=round(PROFILES / loading)),
        figure(MEMORY, params, round(peak / MEBIBYTE), "MiB"),
    ]
    return [each for each in figures if each["name"] in wanted]


def _rows(topic: str, numbers: range) -> Iterator[tuple[str, Pair]]:
    for number in numbers:
        position = Position("profiles", 0, number, 1_700_000_000_000)
        slot = TextSlot(fragment(number, STATE_BYTES - 60), position)
        yield topic, (key_of(number), encode_profile(Profile(revision=number + 1, fragments={"profiles": slot})))


def _peak_rss(pid: int) -> int:
    """Return the most memory that a process has held, in bytes (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def _loading_seconds(log: str) -> float:
    """Return how long the worker says that it took to load, without starting and joining."""
    found = re.search(rf"loaded {PROFILES} changelog records in ([\d.]+) s", log)
    assert found is not None, log[-2000:]
    return float(found[1])
