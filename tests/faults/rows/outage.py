"""OUTAGE: the endpoint answers 503, then nothing, then refuses connections, for twenty times maxElapsed."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.faults.evidence import Limits
from tests.faults.lab import Lab
from tests.faults.result import Result
from tests.faults.told import states

NAME = "OUTAGE"
WHAT = "503, no answer, refused connections, 100 s each (maxElapsed: 15 s), at full input; drained at 400/s"

PROFILES, RATE, DRAIN = 500, 120, 400.0
"""Records a second that come, and requests a second that the destination takes."""
ELAPSED_SECONDS, TIMES = 15.0, 20
SETTLED_SECONDS, MOST_GROWTH_BYTES = 60.0, 32 * 1024 * 1024
"""After the first minute the worker holds all that it may; from then on its memory must stay."""
TIMEOUT_SECONDS, DRAINED_SECONDS = 10.0, 400.0
DESTINATION = {
    "delivery": {
        "timeoutSeconds": TIMEOUT_SECONDS,
        "maxRequestsPerSecond": DRAIN,
        "retry": {"maxElapsedSeconds": ELAPSED_SECONDS},
    }
}
TROUBLES: dict[str, dict[str, Any]] = {
    "503": {"status": 503},
    "no answer": {"status": 0},
    "refused": {"listening": False},
}


async def run(lab: Lab, seed: int) -> Result:
    """Nothing is given up, nothing is out of order, memory stays, and it is drained as fast as is allowed."""
    limits = Limits(requests_per_second=DRAIN, recovery_seconds=DRAINED_SECONDS)
    await lab.open(destination=DESTINATION, limits=limits)
    await lab.endpoint.behave(latency=(0.005, 0.05))
    worker = lab.worker("a")
    await worker.start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=200)
    with lab.fault("the endpoint is away") as fault:
        for trouble in TROUBLES.values():
            await lab.endpoint.behave(**trouble)
            await asyncio.sleep(ELAPSED_SECONDS * TIMES * lab.scale / len(TROUBLES))
    await lab.endpoint.behave(status=204, listening=True)
    mended, waiting = time.time(), len(lab.exports.rows) - len(lab.endpoint.delivered)
    await lab.load.stop()
    await lab.settled(DRAINED_SECONDS)
    result = await lab.judge(NAME, WHAT, seed)
    growth = _growth(lab, fault.began + min(SETTLED_SECONDS, (mended - fault.began) / 2), mended)
    told = [f"{each.state} {each.reason or ''}".strip() for each in states(lab.workers, "crm")]
    result.figures |= _drained(lab, mended, waiting) | {"growth_bytes": growth, "states": told}
    if lab.letters.rows:
        result.fail(f"there are {len(lab.letters.rows)} dead letters")
    if growth >= MOST_GROWTH_BYTES:
        result.fail(f"the worker's memory grew by {growth} bytes, {MOST_GROWTH_BYTES} or more")
    return result


def _growth(lab: Lab, begin: float, end: float) -> int:
    """Return how much more memory the worker had at most than it had at a moment."""
    sizes = [vital.rss_bytes for vital in lab.vitals if begin <= vital.at <= end]
    return max(sizes) - sizes[0] if sizes else 0


def _drained(lab: Lab, mended: float, waiting: int) -> dict[str, Any]:
    """Return how soon, and how fast, those were delivered that had waited, and how often they were tried before."""
    ends = sorted(each.ended or 0.0 for each in lab.endpoint.requests if each.delivered)
    ends = [at for at in ends if at > mended][:waiting]
    seconds = ends[-1] - ends[0] if len(ends) > 1 else 0.0
    return {
        "waiting": waiting,
        "probes": sum(not each.delivered for each in lab.endpoint.requests),
        "seconds_to_resume": round(ends[0] - mended, 1) if ends else None,
        "drained_per_second": round(len(ends) / seconds) if seconds else None,
        "allowed_per_second": DRAIN,
    }
