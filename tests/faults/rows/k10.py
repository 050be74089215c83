"""K10: the broker does what it is asked to write, its answer is lost, and the connection is reset."""

from __future__ import annotations

import asyncio

from tests.faults.frames import Api
from tests.faults.lab import Lab
from tests.faults.places import behind_a_proxy, through
from tests.faults.proxy import Proxy
from tests.faults.result import Result
from tests.faults.toxics import Fate
from tests.waiting import until

NAME = "K10"
WHAT = "writes done, their answers lost, and all connections reset, 12 times"

PROFILES, RATE, TIMES = 300, 100, 12
BETWEEN = 60
"""Deliveries between two times."""
WRITE_SECONDS = 0.05
"""What each write takes, so that any of them may be the one that is hit."""
DONE_SECONDS = 0.3
"""How long the broker may take to do what it was asked."""


async def run(lab: Lab, seed: int) -> Result:
    """A producer writes again what it has no answer to: no worker ends, and nothing stands there twice."""
    async with behind_a_proxy(lab) as proxy:
        await lab.endpoint.behave(latency=(0.01, 0.2))
        proxy.delays[Api.PRODUCE] = WRITE_SECONDS
        worker = lab.worker("a", settings=through(proxy))
        await worker.start()
        await lab.load.bring(PROFILES)
        lab.load.start(rate=RATE)
        for _ in range(max(1, round(TIMES * lab.scale))):
            await lab.flowing(delivered=BETWEEN)
            await asyncio.sleep(lab.random.uniform(0.0, 4 * WRITE_SECONDS))
            with lab.fault("answers to writes lost"):
                await _lose(proxy)
        result = await lab.judge(NAME, WHAT, seed)
        result.figures["answers_lost"] = proxy.count(Api.PRODUCE, Fate.UNANSWERED)
        if not worker.running:
            result.fail("the worker did not live through it")
        return result


async def _lose(proxy: Proxy) -> None:
    known = proxy.count(Api.PRODUCE, Fate.UNANSWERED)
    proxy.fates[Api.PRODUCE] = Fate.UNANSWERED
    await until(lambda: proxy.count(Api.PRODUCE, Fate.UNANSWERED) > known, 30, "a write is not answered")
    await asyncio.sleep(DONE_SECONDS)
    proxy.fates.clear()
    proxy.reset()
