"""What a record costs activation at the original's guard rails: 250 segments, 50 attributes, 100 destinations.

Each record enters or leaves one segment, which one of the destinations maps, and has one export: what grows with the
number of those that are not concerned, or with what they could be sent, would show.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.bench.figures import Figure, Params, against
from tests.bench.lab import NAME, WITHIN_SECONDS, Lab, Plant, a_destination, a_plant
from tests.bench.processes import cpu_seconds, frozen
from tests.bench.profiling import profiled
from tests.bench.records import Entry, key_of
from tests.bench.telling import Steps, Wanted
from tests.bench.writing import write
from tests.brokers.client import Client

RAILS = "guard_rails_cpu_per_record"
NAMES = (RAILS,)
RECORDS, PROFILES = 8_000, 2_000
LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Size:
    """How many destinations there are, and how much each maps."""

    destinations: int
    segments: int
    attributes: int

    @property
    def params(self) -> Params:
        """What tells its figure from others."""
        return {"destinations": self.destinations, "segments": self.segments, "attributes": self.attributes}


SMALL = Size(1, 5, 5)
SIZES = (SMALL, Size(100, 5, 5), Size(1, 250, 5), Size(1, 5, 50), Size(100, 250, 50))


async def run(lab: Lab, wanted: Wanted) -> list[Figure]:
    """Measure what is *wanted* of ``NAMES``, side by side; the yardstick is the smallest of all."""
    sizes = [size for size in SIZES if wanted(RAILS, size.params)]
    costs: dict[Size, list[float]] = {size: [] for size in dict.fromkeys([SMALL, *sizes])}
    steps = Steps("guard rails", lab.rounds * len(costs))
    async with AsyncExitStack() as stack:
        railed = {size: await stack.enter_async_context(_railed(lab, size)) for size in costs}
        for _ in range(lab.rounds):
            for size, each in railed.items():
                costs[size].append(cost := await each.turn())
                steps.done(f"{cost:.1f} us  {size.params}")
        for size, each in railed.items() if lab.profile else ():
            async with profiled(each.plant.worker.pid, f"{size.params}", lab.directory):
                await each.turn()
    return [against(RAILS, size.params, list(zip(costs[size], costs[SMALL], strict=True)), "us") for size in sizes]


class Railed:
    """A worker with destinations of a size; profiles are of one destination each, and in three of its segments."""

    def __init__(self, plant: Plant, size: Size) -> None:
        self.plant, self._size, self._turn = plant, size, 0
        self._client, self._put = Client(plant.lab.bootstrap), 0

    async def bring(self) -> None:
        """Let the worker know the profiles."""
        fragment = json.dumps({f"a{number}": f"value-{number}" for number in range(50)}).encode()
        await self._done([Entry(self.plant.topic("profiles"), key_of(each), fragment) for each in range(PROFILES)])

    async def turn(self) -> float:
        """Return the microseconds of CPU that a record takes."""
        self._turn += 1
        began = cpu_seconds(self.plant.worker.pid)
        entries = [self._entry(number % PROFILES, number // PROFILES) for number in range(RECORDS)]
        await self._done(entries)
        return (cpu_seconds(self.plant.worker.pid) - began) * 1e6 / RECORDS

    def _entry(self, profile: int, place: int) -> Entry:
        """Return a change of one of the profile's segments; each becomes the other one in every turn."""
        entered = (self._turn + place) % 2 == 1
        segment = _segment(profile % self._size.destinations, place % min(4, self._size.segments))
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_700_000_000 + self._turn))
        entry = {"lastQualificationTime": at, "status": "realized" if entered else "exited"}
        value = json.dumps({"segmentMembership": {"ups": {segment: entry}}}).encode()
        return Entry(self.plant.topic("qualifications" if entered else "exits"), key_of(profile), value)

    async def _done(self, entries: Sequence[Entry]) -> None:
        """Write records, and wait until they are committed, which is asked of the broker."""
        with frozen(self.plant.worker.pid):
            await write(self.plant.lab.bootstrap, entries)
        self._put += len(entries)
        async with asyncio.timeout(WITHIN_SECONDS):
            while await self._committed() < self._put:  # noqa: ASYNC110 - in another process
                await asyncio.sleep(LOOK_SECONDS)

    async def _committed(self) -> int:
        found = 0
        for name in ("qualifications", "exits", "profiles"):
            found += sum((await self._client.committed(self.plant.app, self.plant.topic(name))).values())
        return found


@asynccontextmanager
async def _railed(lab: Lab, size: Size) -> AsyncIterator[Railed]:
    """Lend a worker that has taken a turn, which does not count."""
    documents = [_document(lab, number, size) for number in range(size.destinations)]
    async with a_plant(lab, "--stage", "activation", destinations=documents) as plant:
        railed = Railed(plant, size)
        await railed.bring()
        await railed.turn()
        yield railed


def _document(lab: Lab, number: int, size: Size) -> dict[str, Any]:
    return a_destination(lab, f"{NAME}-{number}") | {
        "segments": [_segment(number, place) for place in range(size.segments)],
        "attributes": [f"a{place}" for place in range(size.attributes)],
    }


def _segment(destination: int, place: int) -> str:
    return f"segment-{destination}-{place}"
