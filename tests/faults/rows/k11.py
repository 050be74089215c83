"""K11: a worker joins and leaves again while nothing comes; what comes right after is not lost."""

from __future__ import annotations

import asyncio

from tests.faults.lab import Lab
from tests.faults.result import Result
from tests.faults.worker import Worker

NAME = "K11"
WHAT = "a worker joins and leaves (SIGTERM) while nothing comes, 3 times; after each a record of every profile"

PROFILES, TIMES = 200, 3
QUIET_SECONDS = 1.0
"""How long nothing comes when the partitions have found their owners."""
REJOINED_SECONDS = 4.0
"""In which the one that stays has noticed that the other has left."""


async def run(lab: Lab, seed: int) -> Result:
    await lab.open()
    await lab.endpoint.behave(latency=(0.01, 0.1))
    stays, comes = lab.worker("a"), lab.worker("b")
    await stays.start()
    await lab.load.bring(PROFILES)
    await lab.settled(60)
    codes = []
    for _ in range(max(1, round(TIMES * lab.scale))):
        with lab.fault("b joins"):
            await comes.start()
        await _burst(lab, stays)
        with lab.fault("b SIGTERM"):
            codes.append(await comes.terminate())
        await asyncio.sleep(REJOINED_SECONDS)
        await _burst(lab, stays)
    result = await lab.judge(NAME, WHAT, seed)
    if any(codes):
        result.fail(f"the exit codes were {codes}")
    return result


async def _burst(lab: Lab, stays: Worker) -> None:
    await stays.ready()
    await asyncio.sleep(QUIET_SECONDS)
    await lab.load.step(range(PROFILES))
    await lab.load.fragments(range(PROFILES))
    await lab.settled(10)
