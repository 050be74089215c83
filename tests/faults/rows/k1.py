"""A worker is killed in the middle of its work, again and again, and the next one takes over."""

from __future__ import annotations

import asyncio
import sys

from tests.faults.lab import Lab
from tests.faults.result import Result

NAME = "K1"
WHAT = "SIGKILL with requests in flight, 20 times"
KILLS = 20
MID_FLIGHT = 0.75
"""The share of the kills that must hit both open requests and exports not committed."""
LATENCY = (0.02, 0.3)


async def run(lab: Lab, seed: int) -> Result:
    """Kill the one worker at random moments; its successor starts at once, and waits for the session's end."""
    await lab.open()
    kills = max(1, round(KILLS * lab.scale))
    workers = [lab.worker("a"), lab.worker("b")]
    await workers[0].start()
    await lab.endpoint.behave(latency=LATENCY)
    await lab.load.bring(400)
    lab.load.start(rate=150, hot=0.1)
    for number in range(kills):
        worker, successor = workers[number % 2], workers[(number + 1) % 2]
        await lab.flowing(delivered=20)
        await asyncio.sleep(lab.random.uniform(0.0, 1.5))
        with lab.fault(f"SIGKILL {number + 1}", crash=True):
            worker.kill()
        await successor.start(ready=False)
    result = await lab.judge(NAME, WHAT, seed)
    return _with_kills(result)


def _with_kills(result: Result) -> Result:
    """Print what each kill hit; too few that hit something make the row fail."""
    kills = result.figures["faults"]
    for each in kills:
        print(
            f"  {each['what']}: {each['not_committed']} fetched and not committed, {each['open']} requests open, "
            f"{each['repeated']} repeated of at most {each['bound']}",
            file=sys.stderr,
        )
    hits = sum(each["open"] > 0 and each["not_committed"] > 0 for each in kills)
    result.figures["mid_flight"] = hits
    if hits < MID_FLIGHT * len(kills):
        result.fail(f"only {hits} of {len(kills)} kills hit open requests and exports that were not committed")
    return result
