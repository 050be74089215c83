"""Delivery alone and the whole way beside the bare loop: single and batched, by latency and payload.

In each round each of them takes a turn with the same load: a machine that is slow for a while is slow for all of them.
Then each takes 500 records a second that come one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, replace
from itertools import product
from statistics import median

from tests.bench.contestants import (
    BATCH,
    Contestant,
    Load,
    Trickle,
    Turn,
    activating,
    bare,
    batched,
    delivering,
    whole,
)
from tests.bench.figures import Figure, Params, against, percentile
from tests.bench.lab import Lab
from tests.bench.profiling import profiled
from tests.bench.telling import Steps, Wanted

ACTIVATION = "activation_cpu_per_record"
DELIVERY, WHOLE_WAY = "delivery_cpu_per_export", "whole_way_cpu_per_export"
DELIVERY_LATENCY, LATENCY, LOW_RATE = "delivery_latency_p99", "latency_p99", "low_rate_cpu"
NAMES = (DELIVERY, WHOLE_WAY, ACTIVATION, DELIVERY_LATENCY, LATENCY, LOW_RATE)

COUNTS = {0: 12_000, 5: 9_000, 50: 3_000}
"""Exports of a turn, by the milliseconds that the endpoint takes."""
PAYLOADS = (512, 4096)
BATCHES = (1, BATCH)
PROFILES = 4_000
RATE, SECONDS = 500, 6

LOADS = [
    Load(latency_ms, payload_bytes, range(place * PROFILES, (place + 1) * PROFILES))
    for (place, payload_bytes), latency_ms in product(enumerate(PAYLOADS), COUNTS)
]
MAIN = LOADS[0]
ACTIVATION_PARAMS: Params = {"payload_bytes": MAIN.payload_bytes, "destinations": 1, "store": "rocksdb"}


@dataclass(frozen=True, slots=True)
class Who:
    """One that is measured, and how many exports it puts into a request at most."""

    stage: str
    batch: int = 1

    def __str__(self) -> str:
        return self.stage if self.batch == 1 else f"{self.stage}, batches of {self.batch}"


BARE = Who("bare")
CPU_OF = {"delivery": DELIVERY, "whole way": WHOLE_WAY}
LATENCY_OF = {"delivery": DELIVERY_LATENCY, "whole way": LATENCY}


@dataclass(frozen=True, slots=True)
class Cell:
    """A load, and whose figures are wanted of it."""

    load: Load
    turns: tuple[Who, ...]
    trickles: tuple[Who, ...]


async def run(lab: Lab, wanted: Wanted) -> list[Figure]:
    """Measure what is *wanted* of ``NAMES``."""
    cells = [_cell(load, wanted) for load in LOADS]
    cells = [cell for cell in cells if cell.turns or cell.trickles]
    everyone = [BARE, *dict.fromkeys(who for cell in cells for who in (*cell.turns, *cell.trickles))]
    steps = Steps("grid", sum(lab.rounds * _with_bare(cell.turns) + _with_bare(cell.trickles) for cell in cells))
    figures: list[Figure] = []
    async with AsyncExitStack() as stack:
        race = Race(lab, steps)
        for who in everyone:
            race.contestants[who] = await stack.enter_async_context(_made(lab, who, [cell.load for cell in cells]))
        for cell in cells:
            await race.warm_up(cell.load)
            figures += await race.turns(cell)
            figures += await race.trickles(cell)
    return [each for each in figures if wanted(each["name"], each["params"])]


def _with_bare(whos: Sequence[Who]) -> int:
    return len(whos) + 1 if whos else 0


def _cell(load: Load, wanted: Wanted) -> Cell:
    whos = [Who(stage, batch) for stage in CPU_OF for batch in BATCHES]
    turns = [who for who in whos if wanted(CPU_OF[who.stage], params(load, who))]
    trickles = [who for who in whos if wanted(LATENCY_OF[who.stage], params(load, who) | {"rate": RATE})]
    if load == MAIN:
        if wanted(ACTIVATION, ACTIVATION_PARAMS):
            turns.append(Who("activation"))
        if wanted(LOW_RATE, params(load, Who("whole way")) | {"rate": RATE}):
            trickles.append(Who("whole way"))
    return Cell(load, tuple(turns), tuple(dict.fromkeys(trickles)))


def _made(lab: Lab, who: Who, loads: Sequence[Load]) -> AbstractAsyncContextManager[Contestant]:
    match who.stage:
        case "bare":
            return bare(lab)
        case "delivery":
            return delivering(lab, **batched(who.batch))
        case "activation":
            return activating(lab, [MAIN])
        case _:
            return whole(lab, loads, **batched(who.batch))


class Race:
    """The contestants of a run, who take turns."""

    def __init__(self, lab: Lab, steps: Steps) -> None:
        self._lab, self._steps = lab, steps
        self.contestants: dict[Who, Contestant] = {}
        self._warm: set[tuple[Who, int]] = set()

    async def warm_up(self, load: Load) -> None:
        """Let each one that has not yet had such a payload take a turn that does not count."""
        calm = replace(load, latency_ms=0)
        for who, contestant in self.contestants.items():
            if (who, load.payload_bytes) not in self._warm and (who.stage != "activation" or load == MAIN):
                self._warm.add((who, load.payload_bytes))
                await contestant.turn(calm, COUNTS[0])

    async def turns(self, cell: Cell) -> list[Figure]:
        """Return what each one takes for an export, from some rounds."""
        if not cell.turns:
            return []
        turns: dict[Who, list[Turn]] = {who: [] for who in (BARE, *cell.turns)}
        for _ in range(self._lab.rounds):
            for who, done in turns.items():
                turn = await self.contestants[who].turn(cell.load, COUNTS[cell.load.latency_ms])
                done.append(turn)
                self._steps.done(f"{_told(cell.load)}: {turn.cpu_us:6.1f} us, {turn.per_second:6.0f}/s  {who}")
        for who in cell.turns if self._lab.profile else ():
            contestant = self.contestants[who]
            async with profiled(contestant.pid, f"{who}, {_told(cell.load)}", self._lab.directory):
                await contestant.turn(cell.load, COUNTS[cell.load.latency_ms])
        return [_cost(cell.load, who, turns[who], turns[BARE]) for who in cell.turns]

    async def trickles(self, cell: Cell) -> list[Figure]:
        """Return how long it takes with each one, and what they use, at a low rate."""
        if not cell.trickles:
            return []
        trickles: dict[Who, Trickle] = {}
        for who in (BARE, *cell.trickles):
            trickles[who] = done = await self.contestants[who].trickle(cell.load, RATE, SECONDS)
            p50, p99 = (percentile(done.seconds, share) * 1000 for share in (0.5, 0.99))
            self._steps.done(
                f"{_told(cell.load)}: p50 {p50:5.1f}, p99 {p99:5.1f} ms, {done.cores:4.2f} cores  {who}, {RATE}/s"
            )
            if self._lab.profile and who != BARE:
                pid = self.contestants[who].pid
                async with profiled(pid, f"{who}, {_told(cell.load)}, {RATE}/s", self._lab.directory):
                    await self.contestants[who].trickle(cell.load, RATE, SECONDS)
        return [each for who in cell.trickles for each in _waits(cell.load, who, trickles[who], trickles[BARE])]


def _told(load: Load) -> str:
    return f"{load.latency_ms:2} ms, {load.payload_bytes:4} bytes"


def params(load: Load, who: Who) -> dict[str, object]:
    """Return what tells the figures of a load and a contestant from others."""
    return {"latency_ms": load.latency_ms, "payload_bytes": load.payload_bytes, "batch": who.batch}


def _cost(load: Load, who: Who, turns: Sequence[Turn], bare_turns: Sequence[Turn]) -> Figure:
    pairs = [(ours.cpu_us, bare.cpu_us) for ours, bare in zip(turns, bare_turns, strict=True)]
    speed = round(median(turn.per_second for turn in turns))
    if who.stage == "activation":
        return against(ACTIVATION, ACTIVATION_PARAMS, pairs, "us", records_per_second=speed)
    return against(
        CPU_OF[who.stage],
        params(load, who),
        pairs,
        "us",
        exports_per_second=speed,
        yardstick_exports_per_second=round(median(turn.per_second for turn in bare_turns)),
        exports_per_request=round(median(turn.per_request for turn in turns), 1),
        cores=round(median(turn.cores for turn in turns), 2),
        endpoint_cores=round(median(turn.endpoint_cores for turn in turns), 2),
    )


def _waits(load: Load, who: Who, ours: Trickle, yardstick: Trickle) -> list[Figure]:
    of = params(load, who) | {"rate": RATE}
    p50, p99, p999 = (_milliseconds(ours, share) for share in (0.5, 0.99, 0.999))
    more = {"p50": p50, "p99": p99, "p99.9": p999, "samples": len(ours.seconds), "cores": round(ours.cores, 3)}
    more |= {"yardstick_p50": _milliseconds(yardstick, 0.5), "yardstick_p99.9": _milliseconds(yardstick, 0.999)}
    waits = against(LATENCY_OF[who.stage], of, [(p99, _milliseconds(yardstick, 0.99))], "ms", **more)
    if who.stage == "whole way" and who.batch == 1:
        return [waits, against(LOW_RATE, of, [(ours.cores, yardstick.cores)], "cores")]
    return [waits]


def _milliseconds(trickle: Trickle, share: float) -> float:
    return round(percentile(trickle.seconds, share) * 1000, 1)
