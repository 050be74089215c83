"""What it costs to have 1, 10 or 100 destinations: an export when all are busy, the worker when all are idle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from tests.bench.contestants import Contestant, Load
from tests.bench.figures import Figure, Params, against, figure
from tests.bench.lab import NAME, Lab, Plant, a_destination, a_plant
from tests.bench.processes import cpu_seconds, rss_bytes
from tests.bench.telling import Steps, Wanted

BUSY, IDLE_CPU, IDLE_RSS = "destinations_cpu_per_export", "idle_100_cpu", "idle_100_rss"
NAMES = (BUSY, IDLE_CPU, IDLE_RSS)

SIZES = (1, 10, 100)
EXPORTS = 10_000
"""Of all destinations together, in a turn: each record is exported to each of them."""
LOAD = Load(0, 512, range(EXPORTS))
IDLE_SECONDS, SETTLING_SECONDS = 12.0, 5.0
MEBIBYTE = 1024 * 1024


async def run(lab: Lab, wanted: Wanted) -> list[Figure]:
    """Measure what is *wanted* of ``NAMES``; idle before anything is exported, and busy side by side."""
    sizes = [size for size in SIZES if wanted(BUSY, _params(size))]
    idle = any(wanted(name, _params(100)) for name in (IDLE_CPU, IDLE_RSS))
    steps = Steps("destinations", len(sizes) * lab.rounds + idle)
    figures = await _idle(lab, steps) if idle else []
    if sizes:
        figures += await _busy(lab, sizes, steps)
    return [each for each in figures if wanted(each["name"], each["params"])]


async def _idle(lab: Lab, steps: Steps) -> list[Figure]:
    async with _crowd(lab, 100) as plant:
        await asyncio.sleep(SETTLING_SECONDS)
        began = cpu_seconds(plant.worker.pid)
        await asyncio.sleep(IDLE_SECONDS)
        cores = (cpu_seconds(plant.worker.pid) - began) / IDLE_SECONDS
        memory = rss_bytes(plant.worker.pid) / MEBIBYTE
    steps.done(f"{cores:.3f} cores, {memory:.0f} MiB  100, idle")
    return [
        figure(IDLE_CPU, _params(100), round(cores, 3), "cores"),
        figure(IDLE_RSS, _params(100), round(memory), "MiB"),
    ]


async def _busy(lab: Lab, sizes: list[int], steps: Steps) -> list[Figure]:
    costs: dict[int, list[float]] = {size: [] for size in {1, *sizes}}
    async with AsyncExitStack() as stack:
        crowds = {size: await stack.enter_async_context(_busy_crowd(lab, size)) for size in sorted(costs)}
        for _ in range(lab.rounds):
            for size, crowd in crowds.items():
                costs[size].append(cost := (await crowd.turn(LOAD, EXPORTS)).cpu_us)
                steps.done(f"{cost:.1f} us  {size}")
    return [against(BUSY, _params(size), list(zip(costs[size], costs[1], strict=True)), "us") for size in sizes]


def _crowd(lab: Lab, size: int) -> AbstractAsyncContextManager[Plant]:
    return a_plant(lab, destinations=[a_destination(lab, f"{NAME}-{number}") for number in range(size)])


@asynccontextmanager
async def _busy_crowd(lab: Lab, size: int) -> AsyncIterator[Contestant]:
    """Lend a worker that has taken a turn, which does not count."""
    async with _crowd(lab, size) as plant:
        await plant.put_profiles(LOAD.profiles[: EXPORTS // size], LOAD.payload_bytes)
        crowd = Contestant(
            lab, plant.worker.pid, lambda load, count: plant.changes(load.profiles[: count // size], count // size)
        )
        await crowd.turn(LOAD, EXPORTS)
        yield crowd


def _params(size: int) -> Params:
    return {"destinations": size}
