"""R3: a group's offsets are deleted, activation's and then delivery's: nobody guesses where to go on."""

from __future__ import annotations

import time

from tests.faults.gaps import accept, announced
from tests.faults.lab import Lab
from tests.faults.result import Result
from tests.faults.worker import Worker
from tests.waiting import until

NAME = "R3"
WHAT = "offsets of a group deleted, activation's, then delivery's; told, accepted from the beginning, gone on"

PROFILES = 200
NOTICED_SECONDS, QUIET_SECONDS = 60.0, 60.0


async def run(lab: Lab, seed: int) -> Result:
    """Delete offsets while the worker is down and records wait; whoever begins anew may repeat all that is there."""
    await lab.open()
    await lab.endpoint.behave(latency=(0.01, 0.1))
    worker = lab.worker("a")
    await worker.start()
    await lab.load.bring(PROFILES)
    await lab.settled(QUIET_SECONDS)
    told = [
        await _offsets_gone(lab, worker, lab.activation_group, lab.topic("memberships")),
        await _offsets_gone(lab, worker, lab.delivery_group, lab.exports_topic),
    ]
    result = await lab.judge(NAME, WHAT, seed)
    result.figures["gaps"] = told
    for each in told:
        if each["moved_before_it_was_accepted"] or each["causes"] != ["offsets-lost"]:
            result.fail(f"it did not stand still, or said something else: {each}")
    return result


async def _offsets_gone(lab: Lab, worker: Worker, group: str, topic: str) -> dict[str, object]:
    code = await worker.terminate()
    await lab.load.step(range(PROFILES))
    with lab.fault(f"offsets of {topic} deleted", crash=True, forgets=True):
        await lab.client.delete_offsets(group, topic)
        await worker.start(ready=False)
        await until(lambda: _all_told(lab, worker, topic), NOTICED_SECONDS, "every partition's gap is told")
        gaps = await announced(worker)
        moved = sorted((await lab.client.committed(group, topic)).items())
        accepted = time.time()
        for gap in gaps:
            await accept(worker, gap)
        states = lab.load.confirmed_states
        await until(
            lambda: all(
                profile in lab.endpoint.states and lab.endpoint.states[profile].includes(state)
                for profile, state in states.items()
            ),
            QUIET_SECONDS,
            "what waited is delivered",
        )
        await lab.settled(QUIET_SECONDS)
    return {
        "topic": topic.removeprefix(f"{lab.app}"),
        "exit_code": code,
        "causes": sorted({gap.cause for gap in gaps}),
        "partitions": len(gaps),
        "moved_before_it_was_accepted": moved,
        "seconds_from_acceptance": round(time.time() - accepted, 1),
    }


async def _all_told(lab: Lab, worker: Worker, topic: str) -> bool:
    if "gap.found" not in worker.log:
        return False
    return {gap.partition for gap in await announced(worker) if gap.topic == topic} == set(range(lab.partitions))
