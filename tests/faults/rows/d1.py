"""D1: what the endpoint refuses cannot be parked: the dead-letter topic is gone, or takes nothing; then it does."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tests.faults.checker import REFUSING
from tests.faults.evidence import Limits
from tests.faults.lab import Lab
from tests.faults.result import Result
from tests.waiting import until

NAME = "D1"
WHAT = "dead-letter topic deleted, made anew; then it refuses (max.message.bytes=1), and is mended: 10 s each"

PROFILES, RATE = 300, 80
REFUSED = 0.02
"""The share that is refused, and the share that is redirected to where no worker may go."""
REDIRECT = 307
BROKEN_SECONDS = 10.0
MENDED_SECONDS = 90.0


async def run(lab: Lab, seed: int) -> Result:
    await lab.open(limits=Limits(recovery_seconds=MENDED_SECONDS))
    await lab.endpoint.behave(latency=(0.01, 0.2))
    worker = lab.worker("a")
    await worker.start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100)
    topic = f"{lab.app}.dead-letters"
    configured = await lab.client.config(topic)

    with lab.fault("dead-letter topic deleted"):
        await lab.client.delete_topics(topic)
        held = await _refused_for_a_while(lab)
        kept = {key: configured[key] for key in ("cleanup.policy", "retention.ms", "max.message.bytes")}
        await lab.client.create_topic(topic, lab.partitions, **kept)
    await _parked(lab)

    with lab.fault("dead-letter topic refuses"):
        await lab.client.configure(topic, max_message_bytes="1")
        held += await _refused_for_a_while(lab)
        await lab.client.configure(topic, max_message_bytes=configured["max.message.bytes"])
    await _parked(lab)

    result = await lab.judge(NAME, WHAT, seed)
    result.figures["refused_while_broken"] = held
    redirected = sum(request.status == REDIRECT for request in lab.endpoint.requests)
    result.figures["redirected"] = redirected
    if not redirected:
        result.fail("nothing was sent elsewhere")
    if not all(held):
        result.fail("nothing was refused while the topic was broken")
    if not worker.running:
        result.fail("the worker did not live through it")
    return result


async def _refused_for_a_while(lab: Lab) -> list[int]:
    """Let the endpoint refuse some; return how many exports it has refused that no dead letter tells of yet."""
    await lab.endpoint.behave(refuses=REFUSED, redirects=REFUSED)
    await asyncio.sleep(BROKEN_SECONDS)
    await lab.endpoint.behave(refuses=0.0, redirects=0.0)
    return [len(_refused(lab) - _letters(lab))]


async def _parked(lab: Lab) -> None:
    """Wait until all that was refused is a dead letter, or was delivered when it was tried again; the judge looks."""
    with suppress(TimeoutError):
        await until(
            lambda: not _refused(lab) - _letters(lab) - lab.endpoint.delivered.keys(), MENDED_SECONDS, "all is parked"
        )


def _refused(lab: Lab) -> set[str]:
    return {request.key for request in lab.endpoint.requests if request.status in REFUSING}


def _letters(lab: Lab) -> set[str]:
    return {letter.key for letter in lab.letters.rows if letter.key is not None}
