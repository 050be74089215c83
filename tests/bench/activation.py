"""CPU per record of activation alone, and per export of the whole way, in real workers beside the bare loop.

In each round an activation-only worker takes a turn of memberships, the bare loop posts the exports that it wrote, and
a worker with both stages takes a turn of its own: a machine that is slow for a while is slow for each of them. CPU is
that of the worker's process between two marks, so starting up is left out.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

from tests.bench import delivery
from tests.bench.contestants import Job
from tests.bench.figures import Figure, against
from tests.bench.lab import Lab, Plant, a_plant
from tests.bench.profiling import profiled
from tests.bench.records import write

ACTIVATION, WHOLE_WAY = "activation_cpu_per_record", "whole_way_cpu_per_export"
NAMES = (ACTIVATION, WHOLE_WAY)

PROFILES = 15_000
RECORDS = 3 * PROFILES
YARDSTICK_LOOP = "asyncio"


async def run(lab: Lab, wanted: frozenset[str]) -> list[Figure]:
    """Measure what is *wanted* of ``NAMES``."""
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES if name in wanted}
    async with a_plant(lab, "--stage", "activation") as activation, a_plant(lab) as both:
        turns = {ACTIVATION: (activation, activated), WHOLE_WAY: (both, delivered)}
        for name in {ACTIVATION, *pairs}:
            await turns[name][0].put_profiles(PROFILES)
        for number in range(1, lab.rounds + 1):
            first = await _turn(number, ACTIVATION, activated(activation, number))
            bare = await _turn(number, "bare", _bare(lab, activation))
            for name, done in pairs.items():
                cost = first if name == ACTIVATION else await _turn(number, name, delivered(both, number))
                done.append((cost, bare))
        if lab.profile:
            for name in pairs:
                plant, turn = turns[name]
                async with profiled(plant.worker.pid, name, lab.directory):
                    await turn(plant, lab.rounds + 1)
    return [against(name, _params(name), rounds, "us") for name, rounds in pairs.items()]


async def activated(plant: Plant, number: int) -> float:
    """Return the CPU microseconds per record of the *number*-th turn, until the last export is written."""
    return await _cost(plant, number, lambda: plant.has_exported(number * RECORDS))


async def delivered(plant: Plant, number: int) -> float:
    """Return the CPU microseconds per export of the *number*-th turn, until the last one is delivered."""
    return await _cost(plant, number, lambda: plant.reaches("delivered", number * RECORDS))


async def _cost(plant: Plant, number: int, finish: Callable[[], Awaitable[object]]) -> float:
    records = plant.next_turn(PROFILES)
    before = await plant.mark()
    await write(plant.lab.bootstrap, records)
    await plant.reaches("activated", number * RECORDS)
    await finish()
    after = await plant.mark()
    assert after.activated - before.activated == RECORDS
    return (after.cpu_seconds - before.cpu_seconds) * 1e6 / RECORDS


async def _bare(lab: Lab, plant: Plant) -> float:
    """Return the same of the bare loop, posting the exports that the last turn wrote."""
    job = Job("bare", lab.bootstrap, plant.app, lab.url, RECORDS, YARDSTICK_LOOP)
    return (await asyncio.to_thread(delivery.run, job)).cpu_us_per_export


async def _turn(number: int, name: str, cost: Awaitable[float]) -> float:
    microseconds = await cost
    print(f"  {number}. {name:26} {microseconds:6.1f} us", file=sys.stderr)
    return microseconds


def _params(name: str) -> dict[str, object]:
    if name == ACTIVATION:
        return {"profiles": PROFILES, "records": RECORDS, "destinations": 1, "store": "rocksdb"}
    return {"latency_ms": 0, "payload_bytes": 512, "batch": 1}
