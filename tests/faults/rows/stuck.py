"""One profile's answer never comes; among all the others a kill repeats only what was under way."""

from __future__ import annotations

import asyncio
import time

from tests.faults.lab import Lab
from tests.faults.profiles import profile_id
from tests.faults.result import Result

NAME = "STUCK"
WHAT = "SIGKILL while one profile's answer never comes, among 20 000 others"
OTHERS = 20_000
SHARE_BEFORE = 0.6
RATE = 600
CHUNK = 200
DESTINATION = {"delivery": {"maxAhead": 20_000, "maxPending": 30_000, "timeoutSeconds": 300, "maxInFlight": 64}}


async def run(lab: Lab, seed: int) -> Result:
    """Let the first profile's first request hang, deliver most of the others, kill, and let all be answered."""
    await lab.open(partitions=2, destination=DESTINATION)
    others = round(OTHERS * lab.scale)
    stuck = profile_id(lab.marks, 0)
    await lab.endpoint.behave(hanging=[f'"{stuck}"'], latency=(0.01, 0.1))
    worker, successor = lab.worker("a"), lab.worker("b")
    await worker.start()
    await lab.load.bring(1)
    await lab.until(lambda: bool(lab.endpoint.open), 60, "the stuck profile's request is open")
    bringing = asyncio.create_task(_bring(lab, others))
    await lab.until(lambda: len(lab.endpoint.delivered) > SHARE_BEFORE * others, 300, "most are delivered")
    with lab.fault("SIGKILL", crash=True):
        worker.kill()
    await lab.endpoint.behave(hanging=[])
    await bringing
    await successor.start()
    await lab.until(lambda: stuck in lab.endpoint.states, 120, "the stuck profile is delivered")
    result = await lab.judge(NAME, WHAT, seed, within_seconds=240)
    result.figures["delivered_before"] = sum(
        request.delivered and (request.ended or 0) < lab.faults[0].began for request in lab.endpoint.requests
    )
    return result


async def _bring(lab: Lab, others: int) -> None:
    """Put in the others at a rate, so that a commit interval holds few of them."""
    began = time.monotonic()
    for first in range(1, others + 1, CHUNK):
        await lab.load.bring(min(CHUNK, others + 1 - first), first=first)
        await asyncio.sleep(max(0.0, began + (first + CHUNK) / RATE - time.monotonic()))
