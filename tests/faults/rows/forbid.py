"""FORBID: the endpoint answers 403 to the bodies of one profile and takes all others."""

from __future__ import annotations

import time

from tests.faults.entering import enter
from tests.faults.lab import Lab
from tests.faults.profiles import profile_id
from tests.faults.result import Result
from tests.faults.told import states

NAME = "FORBID"
WHAT = "one profile's bodies are answered 403, the others are taken: three times"

PROFILES, RATE = 300, 80
TIMES, FLOWING, WITHIN_SECONDS = 3, 150, 90.0
MOST_CHANGES = 2
"""Of one such record: it is faulted, and activated again."""


async def run(lab: Lab, seed: int) -> Result:
    """The record is refused once another one was taken; the destination does not go back and forth."""
    await lab.open()
    await lab.endpoint.behave(latency=(0.005, 0.05))
    await lab.worker("a").start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100)
    times, took, began = max(1, round(TIMES * lab.scale)), [], time.time()
    for number in range(PROFILES, PROFILES + times):
        with lab.fault("403 for one profile") as fault:
            await lab.endpoint.behave(answers={f'"{profile_id(lab.marks, number)}"': 403})
            await enter(lab, [number])
            due = number - PROFILES + 1
            await lab.until(lambda due=due: len(lab.letters.rows) >= due, WITHIN_SECONDS, "it is refused")
        took.append(round((fault.ended or 0.0) - fault.began, 2))
        await lab.flowing(delivered=FLOWING)
    result = await lab.judge(NAME, WHAT, seed)
    changes = [f"{each.state} {each.reason or ''}".strip() for each in states(lab.workers, "crm", began)]
    forbidden = [each for each in lab.endpoint.requests if each.status == 403]
    result.figures |= {"state_changes": changes, "seconds_to_refuse": took, "answered_403": len(forbidden)}
    if (reasons := [each.reason for each in lab.letters.rows]) != ["refused"] * times:
        result.fail(f"expected {times} dead letters that are refused, there are {reasons}")
    if len(changes) > MOST_CHANGES * times:
        result.fail(f"{times} records changed the state {len(changes)} times: {changes}")
    return result
