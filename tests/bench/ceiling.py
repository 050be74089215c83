"""How near one worker comes to what an endpoint of 50 ms allows with 256 requests in flight."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from statistics import median

from tests.bench.contestants import Contestant, Load, Turn, delivering, whole
from tests.bench.figures import Figure, figure
from tests.bench.lab import Lab
from tests.bench.telling import Steps, Wanted

SHARE = "share_of_ceiling_50ms"
NAMES = (SHARE,)

IN_FLIGHT, LATENCY_MS = 256, 50
CEILING = IN_FLIGHT * 1000 / LATENCY_MS
LOAD = Load(LATENCY_MS, 512, range(8_000))
EXPORTS = 24_000
"""Of a turn: long enough that beginning and end weigh little."""
STAGES = ("delivery", "whole way")


async def run(lab: Lab, wanted: Wanted) -> list[Figure]:
    """Measure what is *wanted* of ``NAMES``, with one stage after the other."""
    stages = [stage for stage in STAGES if wanted(SHARE, _params(stage))]
    steps = Steps(SHARE, len(stages) * lab.rounds)
    return [await _measured(lab, stage, steps) for stage in stages]


async def _measured(lab: Lab, stage: str, steps: Steps) -> Figure:
    turns: list[Turn] = []
    async with _made(lab, stage) as contestant:
        await contestant.turn(LOAD, EXPORTS)  # connections are made, and memberships
        for _ in range(lab.rounds):
            turns.append(turn := await contestant.turn(LOAD, EXPORTS))
            steps.done(f"{turn.per_second:.0f}/s of {CEILING:.0f}/s, {turn.cores:.2f} cores  {stage}")
    return _figure(stage, turns)


def _made(lab: Lab, stage: str) -> AbstractAsyncContextManager[Contestant]:
    return delivering(lab, maxInFlight=IN_FLIGHT) if stage == "delivery" else whole(lab, [LOAD], maxInFlight=IN_FLIGHT)


def _figure(stage: str, turns: Sequence[Turn]) -> Figure:
    speed, cores = median(turn.per_second for turn in turns), median(turn.cores for turn in turns)
    more = {"exports_per_second": round(speed), "ceiling_per_second": round(CEILING), "cores": round(cores, 2)}
    return figure(SHARE, _params(stage), round(speed / CEILING, 3), "of the ceiling", **more)


def _params(stage: str) -> dict[str, object]:
    return {"stage": stage, "in_flight": IN_FLIGHT, "latency_ms": LATENCY_MS, "payload_bytes": 512}
