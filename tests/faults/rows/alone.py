"""ALONE: one profile is always answered 503 while all others are delivered: it is given up, and nobody else waits."""

from __future__ import annotations

import asyncio
import time

from tests.faults.entering import enter
from tests.faults.evidence import Limits
from tests.faults.lab import Lab
from tests.faults.latencies import between, compared
from tests.faults.profiles import profile_id
from tests.faults.result import Result
from tests.faults.told import states

NAME = "ALONE"
WHAT = (
    "one profile is always answered 503 (maxElapsed: 15 s), the others are delivered: five times, in turns with quiet"
)

PROFILES, RATE = 300, 80
PAIRS, QUIET_SECONDS, WITHIN_SECONDS = 5, 12.0, 120.0
ELAPSED_SECONDS = 15.0
DESTINATION = {"delivery": {"retry": {"maxElapsedSeconds": ELAPSED_SECONDS, "capSeconds": 2}}}


async def run(lab: Lab, seed: int) -> Result:
    """Let quiet and a profile in trouble take turns: each is exactly one dead letter."""
    await lab.open(destination=DESTINATION, limits=Limits(exhausts_seconds=ELAPSED_SECONDS))
    await lab.endpoint.behave(latency=(0.005, 0.05))
    await lab.worker("a").start()
    await lab.load.bring(PROFILES)
    await lab.settled(60)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100)
    spans, took = [], []
    pairs = max(1, round(PAIRS * lab.scale))
    for number in range(PROFILES, PROFILES + pairs):
        began = time.time()
        await asyncio.sleep(QUIET_SECONDS)
        with lab.fault("one profile fails") as fault:
            await lab.endpoint.behave(answers={f'"{profile_id(lab.marks, number)}"': 503})
            await enter(lab, [number])
            known = len(lab.letters.rows)
            await lab.until(lambda known=known: len(lab.letters.rows) > known, WITHIN_SECONDS, "it is given up")
        spans.append((began, fault.began, fault.ended or 0.0))
        took.append(round((fault.ended or 0.0) - fault.began, 1))
    result = await lab.judge(NAME, WHAT, seed)
    facts, reasons = lab.facts(), [each.reason for each in lab.letters.rows]
    quiet, beside = [between(facts, a, b) for a, b, _ in spans], [between(facts, b, c) for _, b, c in spans]
    result.figures |= compared(quiet, beside) | {"seconds_to_give_up": took}
    if reasons != ["exhausted"] * pairs:
        result.fail(f"expected {pairs} dead letters that are exhausted, there are {reasons}")
    if troubled := [each for each in states(lab.workers, "crm") if each.state != "activated"]:
        result.fail(f"the destination was {troubled[0].state} ({troubled[0].reason})")
    return result
