"""E1: our own code raises at a record, now and then; the worker ends in order, and is started again."""

from __future__ import annotations

import asyncio

from tests.faults.lab import Lab
from tests.faults.result import Result
from tests.faults.worker import Worker

NAME = "E1"
WHAT = "a defect of ours raises at every 600th record; the worker ends, and is started again"

PROFILES, RATE, RECORDS = 300, 100, 2_400
FAULTY = ("-m", "tests.faults.unmeasured", "faulty-handle")
LOOK_SECONDS = 0.2


async def run(lab: Lab, seed: int) -> Result:
    """A worker that ends by a defect has committed all that is done: nothing is repeated."""
    await lab.open()
    await lab.endpoint.behave(latency=(0.01, 0.2))
    worker = lab.worker("a", command=FAULTY)
    await worker.start()
    supervised = asyncio.create_task(_supervised(lab, worker))
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    while len(lab.load.obligations) < RECORDS:  # noqa: ASYNC110 - no event tells of a confirmation
        await asyncio.sleep(LOOK_SECONDS)
    result = await lab.judge(NAME, WHAT, seed)
    supervised.cancel()
    result.figures["ended_by_a_defect"] = ended = len(lab.faults)
    if not ended:
        result.fail("no worker has ended")
    return result


async def _supervised(lab: Lab, worker: Worker) -> None:
    """Start the worker again whenever it has ended, as whatever runs workers does."""
    while True:
        if not worker.running:
            with lab.fault("ended by a defect"):
                await worker.start(ready=False)
        await asyncio.sleep(LOOK_SECONDS)
