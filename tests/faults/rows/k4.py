"""K4: the broker is killed under load and comes back; nobody restarts the worker."""

from __future__ import annotations

import asyncio

from tests.faults.lab import Lab
from tests.faults.result import Result

NAME = "K4"
WHAT = "broker killed (SIGKILL) under load, back after 10 to 20 s"

PROFILES, RATE = 400, 150
AWAY_SECONDS = (10.0, 20.0)
RENEWED_SECONDS = 60.0


async def run(lab: Lab, seed: int) -> Result:
    await lab.open()
    await lab.endpoint.behave(latency=(0.01, 0.4))
    worker = lab.worker("a")
    await worker.start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=PROFILES, open_requests=5)
    away = lab.random.uniform(*AWAY_SECONDS)
    with lab.fault("broker SIGKILL", crash=True):
        await asyncio.to_thread(lab.broker.kill)
        await asyncio.sleep(away)
        await asyncio.to_thread(lab.broker.start)
        await lab.commits.renewed(RENEWED_SECONDS)
    await lab.flowing(delivered=20)
    result = await lab.judge(NAME, WHAT, seed)
    result.figures["seconds_away"] = round(away, 1)
    if not worker.running:
        result.fail("the worker did not live through it")
    return result
