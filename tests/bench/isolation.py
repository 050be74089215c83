"""How much longer nine destinations take while a tenth never answers: five pairs of runs, one after the other.

Two workers have ten destinations each; of one the tenth is silent. Both get the same records at the same times.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.bench.contestants import Load
from tests.bench.figures import Figure, Params, against, percentile
from tests.bench.lab import PATH, SILENT, Lab, Plant, a_destination, a_plant
from tests.bench.telling import Steps, Wanted
from tests.bench.writing import trickle

ISOLATION = "isolation_p99"
NAMES = (ISOLATION,)

DESTINATIONS, PAIRS = 10, 5
RATE, SECONDS = 50, 6
"""Records; each has an export for each of the destinations."""
SETTLING_SECONDS = 1
PARAMS: Params = {"destinations": DESTINATIONS, "dead": 1, "records_per_second": RATE, "payload_bytes": 512}
LOAD = Load(0, 512, range(RATE * SECONDS))
OTHERS = DESTINATIONS - 1


async def run(lab: Lab, wanted: Wanted) -> list[Figure]:
    """Measure what is *wanted* of ``NAMES``."""
    if not wanted(ISOLATION, PARAMS):
        return []
    steps, pairs = Steps(ISOLATION, PAIRS), list[tuple[float, float]]()
    async with _ten(lab, f"{PATH}/9") as healthy, _ten(lab, SILENT) as sick:
        for plant in (healthy, sick):
            # It does not count: connections are made, and the silent one is found out.
            await _p99(plant, OTHERS + (plant is healthy))
        for _ in range(PAIRS):
            dead, alive = await _p99(sick, OTHERS), await _p99(healthy, DESTINATIONS)
            pairs.append((dead * 1000, alive * 1000))
            steps.done(f"p99 of the others {dead * 1000:.1f} ms with a dead one, {alive * 1000:.1f} ms without")
    return [against(ISOLATION, PARAMS, pairs, "ms")]


@asynccontextmanager
async def _ten(lab: Lab, last: str) -> AsyncIterator[Plant]:
    """Lend a worker of ten destinations, the last of which has another path."""
    paths = [*(f"{PATH}/{number}" for number in range(OTHERS)), last]
    documents = [a_destination(lab, f"bench-{number}", path, timeoutSeconds=2) for number, path in enumerate(paths)]
    async with a_plant(lab, destinations=documents) as plant:
        await plant.put_profiles(LOAD.profiles, LOAD.payload_bytes)
        yield plant


async def _p99(plant: Plant, destinations: int) -> float:
    """Return it for the nine, in seconds, of one run in which so many *destinations* answer."""
    lab, entries = plant.lab, plant.changes(LOAD.profiles, len(LOAD.profiles))
    await lab.begin(LOAD.latency_ms, watching=True)
    due = await trickle(lab.bootstrap, entries, RATE)
    at = dict(zip(LOAD.profiles, due, strict=True))
    told = await lab.answered(destinations * len(entries), seen=True)
    seconds = [
        moment - at[number]
        for path, number, moment in told["seen"]
        if path != f"{PATH}/{OTHERS}" and number >= RATE * SETTLING_SECONDS
    ]
    assert len(seconds) == OTHERS * (len(entries) - RATE * SETTLING_SECONDS)
    return percentile(seconds, 0.99)
