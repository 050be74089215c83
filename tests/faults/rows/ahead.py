"""AHEAD: one profile fails while all others are as far ahead as they may, and a hot one fills the window by itself."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise

from tests.faults.entering import enter
from tests.faults.evidence import Limits
from tests.faults.lab import Lab
from tests.faults.profiles import profile_id
from tests.faults.receiver import Receiver
from tests.faults.result import Result

NAME = "AHEAD"
WHAT = "one profile is always answered 503, the others are maxAhead ahead; elsewhere a hot one fills maxPending"

PROFILES, RATE = 200, 60
AHEAD, PENDING, ELAPSED_SECONDS = 150, 150, 45.0
"""Longer than a delivery proves that others are taken: then only that it holds them up lets the clock run."""
STOOD_SECONDS, WITHIN_SECONDS = 30.0, 150.0
HOT = "hot"
RETRY = {"maxElapsedSeconds": ELAPSED_SECONDS, "capSeconds": 2}


async def run(lab: Lab, seed: int) -> Result:
    """Each profile in trouble is exactly one dead letter, and the destination goes on."""
    hot = lab.receiver(HOT)
    await lab.open(partitions=1, limits=Limits(exhausts_seconds=ELAPSED_SECONDS, recovery_seconds=WITHIN_SECONDS))
    for receiver in lab.receivers:
        await receiver.endpoint.behave(latency=(0.005, 0.05))
    documents = [
        lab.receivers[0].document({"delivery": {"retry": RETRY, "maxAhead": AHEAD}}),
        hot.document({"delivery": {"retry": RETRY, "maxPending": PENDING}}),
    ]
    await lab.worker("a", documents=documents).start()
    await lab.load.bring(PROFILES + 1)
    await lab.settled(60)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100)
    with lab.fault("one profile fails, and a hot one"):
        await lab.endpoint.behave(answers={_text(lab, PROFILES + 1): 503})
        await hot.endpoint.behave(answers={_text(lab, PROFILES): 503})
        await enter(lab, [PROFILES + 1])
        await lab.load.step([PROFILES] * (PENDING * 2))
        await lab.load.step(range(PROFILES))  # so that they are ahead at once
        await asyncio.gather(_given_up(lab, lab.receivers[0]), _given_up(lab, hot))
    result = await lab.judge(NAME, WHAT, seed, within_seconds=WITHIN_SECONDS)
    for receiver in lab.receivers:
        _judge(lab, receiver, result)
    return result


def _text(lab: Lab, number: int) -> str:
    return f'"{profile_id(lab.marks, number)}"'


def _letters(lab: Lab, receiver: Receiver) -> list[str]:
    return [each.reason for each in lab.letters.rows if each.topic == receiver.exports_topic]


async def _given_up(lab: Lab, receiver: Receiver) -> None:
    """Wait for the dead letter, then take everything."""
    with suppress(TimeoutError):  # told below
        await lab.until(lambda: bool(_letters(lab, receiver)), WITHIN_SECONDS, "it is given up")
    await receiver.endpoint.behave(answers={})


def _judge(lab: Lab, receiver: Receiver, result: Result) -> None:
    """Look whether nothing was delivered for long, and then exactly one record was given up."""
    began, ends = lab.faults[0].began, sorted(each.ended or 0 for each in receiver.endpoint.requests if each.delivered)
    stood = max((after - before for before, after in pairwise([at for at in ends if at > began])), default=0.0)
    result.figures[f"stood_still_seconds_{receiver.name}"] = round(stood, 1)
    if (reasons := _letters(lab, receiver)) != ["exhausted"]:
        result.fail(f"{receiver.name}: expected one dead letter that is exhausted, there are {reasons}")
    if stood < STOOD_SECONDS:
        result.fail(f"{receiver.name}: nothing was held up: deliveries stood still for {stood:.1f} s at most")
