"""K9: the broker takes long to append, and answers everything else; nothing may be fetched for all that time."""

from __future__ import annotations

import asyncio

from tests.faults.frames import Api
from tests.faults.lab import Lab
from tests.faults.places import behind_a_proxy, through
from tests.faults.result import Result

NAME = "K9"
WHAT = "writes stand still for 20 s while all else is answered, with more records than memory takes; then a SIGTERM"

PROFILES, BURST = 300, 40
SLOW_SECONDS = 20.0
STOPPED_SECONDS = 20.0


async def run(lab: Lab, seed: int) -> Result:
    """Hold every write long enough for the poll interval to matter, then hold them for ever and stop the worker."""
    async with behind_a_proxy(lab) as proxy:
        await lab.endpoint.behave(latency=(0.01, 0.1))
        worker = lab.worker("a", settings=through(proxy))
        await worker.start()
        await lab.load.bring(PROFILES)
        await lab.settled(60)
        with lab.fault("writes stand still"):
            proxy.delays[Api.PRODUCE] = SLOW_SECONDS
            for _ in range(BURST):
                await lab.load.step(range(PROFILES))
                await lab.load.fragments(range(PROFILES))
            await asyncio.sleep(SLOW_SECONDS)
            proxy.delays.clear()
        await lab.flowing(delivered=PROFILES)
        proxy.delays[Api.PRODUCE] = 10 * SLOW_SECONDS
        await lab.load.step(range(PROFILES))
        await asyncio.sleep(1.0)  # the writes are on their way
        with lab.fault("SIGTERM while writes stand still", crash=True, commit_seconds=None) as fault:
            code = await worker.terminate(STOPPED_SECONDS)
            proxy.delays.clear()
        await worker.start()
        result = await lab.judge(NAME, WHAT, seed)
        result.figures |= {"exit_code": code, "seconds_to_stop": round((fault.ended or 0.0) - fault.began, 2)}
        if code != 0:
            result.fail(f"it ended with {code}")
        return result
