"""H1: the endpoint fails in bursts, then it fails whatever comes; then all is delivered."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.faults.lab import Lab
from tests.faults.result import Result
from tests.faults.told import states

NAME = "H1"
WHAT = "500, 502 and 503: 60 % in two bursts of 6 s, then all for 38 s"

PROFILES, RATE = 300, 80
STATUSES = [500, 502, 503]
BURST, BURSTS, BURST_SECONDS, CALM_SECONDS, ALL_SECONDS = 0.6, 2, 6.0, 5.0, 38.0
"""A minute."""
DRAINED_SECONDS = 180.0


async def run(lab: Lab, seed: int) -> Result:
    """Nothing is given up; when the endpoint is well again what waits is delivered, in order."""
    await lab.open()
    await lab.endpoint.behave(latency=(0.005, 0.05))
    worker = lab.worker("a")
    await worker.start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100)
    with lab.fault("bursts of 5xx"):
        for _ in range(BURSTS):
            await lab.endpoint.behave(errors=BURST, error_statuses=STATUSES)
            await asyncio.sleep(BURST_SECONDS * lab.scale)
            await lab.endpoint.behave(errors=0.0)
            await asyncio.sleep(CALM_SECONDS * lab.scale)
    with lab.fault("5xx alone"):
        await lab.endpoint.behave(errors=1.0)
        await asyncio.sleep(ALL_SECONDS * lab.scale)
        await lab.endpoint.behave(errors=0.0)
    mended, waiting = time.time(), len(lab.exports.rows) - len(lab.endpoint.delivered)
    await lab.load.stop()
    await lab.settled(DRAINED_SECONDS)
    result = await lab.judge(NAME, WHAT, seed)
    told = [f"{each.state} {each.reason or ''}".strip() for each in states(lab.workers, "crm")]
    result.figures |= _drained(lab, mended, waiting) | {"states": told}
    if lab.letters.rows:
        result.fail(f"there are {len(lab.letters.rows)} dead letters")
    return result


def _drained(lab: Lab, mended: float, waiting: int) -> dict[str, Any]:
    """Return how often exports were tried, and how fast those were delivered that had waited."""
    ended = sorted(each.ended or 0.0 for each in lab.endpoint.requests if each.delivered)
    ends = [at for at in ended if at > mended][:waiting]
    seconds = (ends[-1] - ends[0]) if len(ends) > 1 else 0.0
    return {
        "attempts_per_export": round(len(lab.endpoint.requests) / max(1, len(lab.endpoint.delivered)), 2),
        "waiting": waiting,
        "seconds_to_resume": round(ends[0] - mended, 1) if ends else None,
        "drained_per_second": round(len(ends) / seconds) if seconds else None,
    }
