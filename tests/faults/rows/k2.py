"""A worker is asked to stop under load: nothing is repeated, and it ends with 0."""

from __future__ import annotations

import asyncio

from tests.faults.lab import Lab
from tests.faults.result import Result

NAME = "K2"
WHAT = "SIGTERM to one of two workers under load"


async def run(lab: Lab, seed: int) -> Result:
    """Stop one of two workers, start it again, and stop the other."""
    await lab.open()
    workers = [lab.worker("a"), lab.worker("b")]
    await asyncio.gather(*(worker.start() for worker in workers))
    await lab.endpoint.behave(latency=(0.05, 0.4))
    await lab.load.bring(400)
    lab.load.start(rate=200)
    codes, drains = [], []
    stopped = workers[: max(1, round(len(workers) * lab.scale))]
    for worker in stopped:
        await lab.flowing(delivered=200, open_requests=10)
        with lab.fault(f"SIGTERM {worker.name}") as fault:
            codes.append(await worker.terminate())
        drains.append(round((fault.ended or 0) - fault.began, 2))
        await worker.start()
    result = await lab.judge(NAME, WHAT, seed)
    result.figures |= {"exit_codes": codes, "drain_seconds": drains}
    if any(codes):
        result.fail(f"the exit codes were {codes}")
    return result
