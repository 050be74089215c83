"""D1A: a record that nobody can read comes while the dead-letter topic is gone, or takes nothing; then it does."""

from __future__ import annotations

import asyncio

from tests.faults.evidence import Limits
from tests.faults.lab import Lab
from tests.faults.result import Result
from tests.faults.worker import Worker
from tests.waiting import until

NAME = "D1A"
WHAT = "unreadable records while the dead-letter topic is deleted, then while it refuses; mended after 10 s each"

PROFILES, RATE = 300, 60
BROKEN_SECONDS = 10.0
MENDED_SECONDS = 90.0
UNREADABLE = b"{not json"


async def run(lab: Lab, seed: int) -> Result:
    """Break the topic twice; a worker that ends by itself is started again, as whatever runs workers does."""
    await lab.open(limits=Limits(recovery_seconds=MENDED_SECONDS))
    await lab.endpoint.behave(latency=(0.01, 0.2))
    worker = lab.worker("a")
    await worker.start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100)
    topic = f"{lab.app}.dead-letters"
    configured = await lab.client.config(topic)
    kept = {key: configured[key] for key in ("cleanup.policy", "retention.ms", "max.message.bytes")}
    passed, ended = [], 0

    with lab.fault("dead-letter topic deleted", crash=True):
        await lab.client.delete_topics(topic)
        passed.append(await _is_passed(lab))
        if topic not in await _topics(lab):  # a worker that starts makes it anew
            await lab.client.create_topic(topic, lab.partitions, **kept)
        ended += await _again(worker)
    await until(lambda: _parked(lab) == 1, MENDED_SECONDS, "the first record is parked")

    with lab.fault("dead-letter topic refuses", crash=True):
        await lab.client.configure(topic, max_message_bytes="1")
        passed.append(await _is_passed(lab))
        await lab.client.configure(topic, max_message_bytes=configured["max.message.bytes"])
        ended += await _again(worker)
    await until(lambda: _parked(lab) == len(passed), MENDED_SECONDS, "the second record is parked")

    result = await lab.judge(NAME, WHAT, seed)
    result.figures["ended_by_itself"] = ended
    if any(passed):
        result.fail("a commit passed a record that was neither done nor parked")
    return result


async def _is_passed(lab: Lab) -> bool:
    """Put in an unreadable record, wait, and return whether a commit has passed it."""
    key = next(iter(lab.load.states)).encode()
    ((partition, offset),) = await lab.client.produce(lab.topic("memberships"), [(key, UNREADABLE)])
    await asyncio.sleep(BROKEN_SECONDS)
    return lab.commits.committed(lab.activation_group, lab.topic("memberships")).get(partition, 0) > offset


async def _topics(lab: Lab) -> set[str]:
    async with lab.client.admin() as admin:
        return set(await admin.list_topics())


async def _again(worker: Worker) -> bool:
    """Start the worker again if it has ended by itself; return whether it had."""
    if worker.running:
        return False
    await worker.start()
    return True


def _parked(lab: Lab) -> int:
    """Return how many unreadable records are parked, each counted once."""
    return len({letter.origin for letter in lab.letters.rows if letter.value == UNREADABLE})
