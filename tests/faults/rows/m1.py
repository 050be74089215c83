"""M1: more comes than can be written, of an input that others keep no room for; it is not read into memory."""

from __future__ import annotations

import asyncio

from tests.faults.crowd import crowd
from tests.faults.evidence import Limits
from tests.faults.frames import Api
from tests.faults.lab import Lab
from tests.faults.places import behind_a_proxy, through
from tests.faults.result import Result

NAME = "M1"
WHAT = "480 MB of fragments come while writes stand still for 30 s"

MEMBERS, PROFILES, PADDING = 100, 120_000, 4_000
SLOW_SECONDS = 30.0
MEMORY_MIB = 440


async def run(lab: Lab, seed: int) -> Result:
    """Of memberships none wait, so their agent has room all the time; that of the fragments has none."""
    limits = Limits(recovery_seconds=120.0, rss_bytes=MEMORY_MIB * 1024 * 1024)
    async with behind_a_proxy(lab, limits=limits) as proxy:
        await lab.endpoint.behave(latency=(0.01, 0.1))
        worker = lab.worker("a", settings=through(proxy))
        await worker.start()
        await lab.load.bring(MEMBERS)
        await lab.settled(60)
        with lab.fault("writes stand still"):
            proxy.delays[Api.PRODUCE] = SLOW_SECONDS
            await asyncio.gather(crowd(lab, int(PROFILES * lab.scale), padding=PADDING), asyncio.sleep(SLOW_SECONDS))
            proxy.delays.clear()
        return await lab.judge(NAME, WHAT, seed)
