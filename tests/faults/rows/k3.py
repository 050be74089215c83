"""A worker is frozen for longer than its session, another takes over, and then it is thawed."""

from __future__ import annotations

import asyncio

from tests.faults.evidence import Request
from tests.faults.facts import Facts
from tests.faults.lab import Lab
from tests.faults.repeats import repeats
from tests.faults.result import Result
from tests.faults.site import SESSION_SECONDS
from tests.faults.worker import Worker
from tests.waiting import until

NAME = "K3"
WHAT = "SIGSTOP for two sessions, takeover, SIGCONT"
FREEZES = 3
ENDS_WITHIN_SECONDS = 25.0
IN_FLIGHT_ON_THE_WIRE = 0
"""What may arrive of a thawed worker: nothing is written once its lease has lapsed."""


async def run(lab: Lab, seed: int) -> Result:
    """Freeze one of two workers, see the other deliver what was its, thaw it, and look at what it still sends."""
    await lab.open()
    workers = [lab.worker("a"), lab.worker("b")]
    await asyncio.gather(*(worker.start() for worker in workers))
    await lab.endpoint.behave(latency=(0.05, 0.5))
    await lab.load.bring(400)
    lab.load.start(rate=200)
    moments: list[tuple[float, float]] = []
    ended = 0
    for number in range(max(1, round(FREEZES * lab.scale))):
        frozen = workers[number % 2]
        await lab.flowing(delivered=200, open_requests=10)
        with lab.fault(f"SIGSTOP {frozen.name}", crash=True) as freeze:
            frozen.freeze()
        await asyncio.sleep(2 * SESSION_SECONDS)
        await until(lambda: _others_deliver(lab), 60, "the other worker has taken over")
        with lab.fault(f"SIGCONT {frozen.name}") as thaw:
            frozen.thaw()
        moments.append((freeze.began, thaw.began))
        ended += await _supervised(frozen)
    result = await lab.judge(NAME, WHAT, seed)
    stale = [_stale_after(lab, *each) for each in moments]
    result.figures |= {"stale_after_thaw": stale, "ended_by_themselves": ended}
    if max(stale) > IN_FLIGHT_ON_THE_WIRE:
        result.fail(f"a thawed worker sent {stale} requests that others had delivered")
    if ended:
        result.fail(f"{ended} thawed workers ended by themselves")
    return result


async def _supervised(worker: Worker) -> bool:
    """Start a thawed worker again if it ends by itself, which it should not; return whether it has."""
    try:
        await worker.ended(ENDS_WITHIN_SECONDS)
    except TimeoutError:
        return False
    await worker.start()
    return True


def _others_deliver(lab: Lab) -> bool:
    """Whether every partition's exports are delivered again."""
    recent = [request for request in lab.endpoint.requests[-200:] if request.delivered]
    partition_of = {row.key: row.partition for row in lab.exports.rows[-2_000:]}
    return {partition_of.get(request.key) for request in recent} >= set(range(lab.partitions))


def _stale_after(lab: Lab, frozen: float, thawed: float) -> int:
    """Return how many requests arrived after *thawed* although their export had been accepted before.

    What activation wrote twice is posted twice, by whoever has it then; what goes beyond that is a thawed worker's.
    """
    facts = lab.facts()
    return sum(
        each.before.arrived < thawed <= each.again.arrived < thawed + SESSION_SECONDS
        and not _is_written_again(facts, each.again, frozen)
        for each in repeats(facts)
    )


def _is_written_again(facts: Facts, again: Request, frozen: float) -> bool:
    """Whether an export stands more than once on its topic, and *again* is one of as many requests since *frozen*."""
    written = len(facts.rows.get(again.key, ()))
    posted = sum(frozen <= each.arrived <= again.arrived for each in facts.by_key[again.key])
    return 1 < written >= posted
