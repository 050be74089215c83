"""The end of a run: when nothing is under way any more, and what everybody has said until then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.faults import gaps
from tests.faults.profiles import State

if TYPE_CHECKING:
    from tests.faults.lab import Lab
    from tests.faults.receiver import Receiver

LOOK_SECONDS = 0.3


async def is_quiet(lab: Lab) -> bool:
    """Whether all is covered, read, committed, and no request is open; asked at its own pace."""
    await asyncio.sleep(LOOK_SECONDS)
    waited_for = [each for each in lab.receivers if not each.is_over]
    if not (await lab.letters.caught_up() and all([await each.exports.caught_up() for each in waited_for])):
        return False
    return all(is_covered(lab, each) and is_finished(lab, each) for each in waited_for)


def is_covered(lab: Lab, of: Receiver) -> bool:
    """Whether each profile's confirmed records were delivered, or something of it was dead-lettered."""
    parked = {row.profile for row in of.exports.rows} if lab.letters.rows else set()
    delivered = of.endpoint.states
    nothing = State(0, 0)
    return all(
        state.step == 0 or profile in parked or delivered.get(profile, nothing).includes(state)
        for profile, state in lab.load.confirmed_since(of.owed_from).items()
    )


def is_finished(lab: Lab, of: Receiver) -> bool:
    """Whether everything that was read is committed, and no request open."""
    if of.endpoint.open:
        return False
    if of.is_over:
        return True
    delivered = lab.commits.committed(of.delivery_group, of.exports_topic)
    if any(delivered.get(partition, 0) < end for partition, end in of.exports.positions.items()):
        return False
    now = lab.commits.now
    ends = lab.load.ends.items()
    return all((found := now.get((lab.activation_group, *place))) and found.offset >= end for place, end in ends)


async def texts_of(lab: Lab) -> dict[str, str]:
    """Return what was said: by each worker, by a command, and on the topics, beside the exports themselves."""
    texts = {f"the log of {worker.name}": worker.log for worker in lab.workers}
    running = [worker for worker in lab.workers if worker.running]
    for worker in running:
        texts[f"the metrics of {worker.name}"] = await worker.metrics()
        texts[f"/readyz of {worker.name}"] = await worker.get("/readyz") or ""
    for worker in running[:1]:  # it asks the broker: one is as good as all
        texts["streams gaps list"] = await gaps.run(worker, "gaps", "list")
    texts["the headers of dead letters"] = "\n".join(letter.headers for letter in lab.letters.rows)
    texts["the headers of exports"] = "\n".join(lab.telling)
    texts["the texts beside commits"] = "\n".join(each.metadata for each in lab.commits.changes)
    for reader in (lab.status, lab.destinations):
        texts[f"the topic {reader.topic}"] = "\n".join(f"{row.key!r} {row.value!r}" for row in reader.rows)
    return texts
