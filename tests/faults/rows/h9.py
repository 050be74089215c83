"""H9: a bad deploy: whatever comes is answered 404, later 401; the destination pauses before much is given up."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

from tests.faults.evidence import Limits, Request
from tests.faults.lab import Lab
from tests.faults.politeness import most_open
from tests.faults.result import Result
from tests.faults.told import Told, states

NAME = "H9"
WHAT = "all is answered 404, then 401, each until the destination pauses and 8 s more"

PROFILES, RATE = 300, 100
WINDOW = 50
"""How many of the latest outcomes the guard looks at: no more may be given up."""
PAUSED_SECONDS, WITHIN_SECONDS = 8.0, 90.0
LATE_SECONDS = 1.0
"""So long after the pause what was sent before may still arrive."""
STATUSES = {404: "storm", 401: "unauthorized"}


async def run(lab: Lab, seed: int) -> Result:
    """The guard stops a storm of refusals; a 401 stops at once, and gives up nothing."""
    await lab.open(limits=Limits(recovery_seconds=WITHIN_SECONDS))
    await lab.endpoint.behave(latency=(0.005, 0.05))
    await lab.worker("a").start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=200)
    storms = {str(status): await _storm(lab, status) for status in STATUSES}
    result = await lab.judge(NAME, WHAT, seed)
    result.figures["storms"] = storms
    for status, reason in STATUSES.items():
        storm = storms[str(status)]
        if storm["reason"] != reason or storm["seconds_to_resume"] is None:
            result.fail(f"{status}: expected faulted ({reason}) and an end of it, it was {storm}")
        if storm["most_open"] > 1:
            result.fail(f"{status}: {storm['most_open']} requests were open at once while it was paused")
        if storm["dead_letters"] > (WINDOW if status == 404 else 0):
            result.fail(f"{status}: {storm['dead_letters']} dead letters")
    return result


async def _storm(lab: Lab, status: int) -> dict[str, Any]:
    """Refuse all until the destination pauses, and a little longer; return what came of it."""
    before, began = len(lab.letters.rows), time.time()
    with lab.fault(f"{status} alone"):
        await lab.endpoint.behave(status=status)
        with suppress(TimeoutError):  # what did not come is told below
            await lab.until(lambda: bool(_since(lab, began, "faulted")), WITHIN_SECONDS, "it is faulted")
        await asyncio.sleep(PAUSED_SECONDS * lab.scale)
        await lab.endpoint.behave(status=204)
    mended = time.time()
    with suppress(TimeoutError):
        await lab.until(lambda: bool(_since(lab, mended, "activated")), WITHIN_SECONDS, "it is activated")
        await lab.flowing(delivered=WINDOW)
    lab.endpoint.read()
    bad = [each for each in lab.endpoint.requests if each.status == status and each.arrived >= began]
    paused, resumed = _since(lab, began, "faulted"), _since(lab, mended, "activated")
    return {
        "reason": paused[0].reason if paused else None,
        "dead_letters": len(lab.letters.rows) - before,
        "refused": len(bad),
        "probes": len(probes := _between(lab, paused[0].at + LATE_SECONDS, mended) if paused else []),
        "most_open": most_open(probes),
        "seconds_to_pause": round(paused[0].at - (bad[0].ended or began), 2) if paused and bad else None,
        "seconds_to_resume": round(resumed[0].at - mended, 2) if resumed else None,
    }


def _between(lab: Lab, begin: float, end: float) -> list[Request]:
    return [each for each in lab.endpoint.requests if begin <= each.arrived <= end]


def _since(lab: Lab, moment: float, state: str) -> list[Told]:
    return [each for each in states(lab.workers, "crm", moment) if each.state == state]
