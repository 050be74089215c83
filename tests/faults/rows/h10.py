"""H10: one destination of ten is slow, or dead; the others do not notice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from tests.faults.evidence import Limits
from tests.faults.facts import Facts
from tests.faults.lab import Lab
from tests.faults.latencies import between, compared
from tests.faults.result import Result

NAME = "H10"
WHAT = (
    "one destination of ten is slow (never answers), or dead (refuses connections): five times 5 s, in turns with quiet"
)

OTHERS, PAIRS, SECONDS = 9, 5, 5.0
PROFILES, RATE = 100, 25
BAD = "bad"
TIMEOUT = {"delivery": {"timeoutSeconds": 5}}
WITHIN_SECONDS, NEAR = 90.0, 20
TROUBLES: Sequence[tuple[str, dict[str, Any], dict[str, Any]]] = (
    ("slow", {"status": 0}, {"status": 204}),
    ("dead", {"listening": False}, {"listening": True}),
)
"""What it is called, what brings it, and what ends it."""


async def run(lab: Lab, seed: int) -> Result:
    """Let quiet and trouble take turns, and compare how long the other nine's exports took."""
    others = [lab.receivers[0], *(lab.receiver(f"other-{number}") for number in range(2, OTHERS + 1))]
    bad = lab.receiver(BAD)
    await lab.open(limits=Limits(recovery_seconds=WITHIN_SECONDS, sockets=1_000))
    for receiver in lab.receivers:
        await receiver.endpoint.behave(latency=(0.005, 0.02))
    documents = [*(each.document() for each in others), bad.document(TIMEOUT)]
    await lab.worker("a", documents=documents).start()
    await lab.load.bring(PROFILES)
    await lab.settled(WITHIN_SECONDS)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100)
    spans = []
    for number in range(max(1, round(PAIRS * lab.scale))):
        began = time.time()
        await asyncio.sleep(SECONDS)
        what, trouble, well = TROUBLES[number % 2]
        with lab.fault(what) as fault:
            await bad.endpoint.behave(**trouble)
            await asyncio.sleep(SECONDS)
        spans.append((began, fault.began, time.time()))
        await bad.endpoint.behave(**well)
        await lab.until(
            lambda: len(bad.exports.rows) - len(bad.endpoint.delivered) < NEAR, WITHIN_SECONDS, "it is well"
        )
    result = await lab.judge(NAME, WHAT, seed)
    result.figures |= _told([Facts(each.evidence({})) for each in others], spans)
    if not all(result.figures["p99_quiet_ms"] + result.figures["p99_beside_ms"]):
        result.fail("the machine is too busy: there is a span in which nothing was written")
    if lab.letters.rows:
        result.fail(f"there are {len(lab.letters.rows)} dead letters")
    return result


def _told(others: list[Facts], spans: list[tuple[float, float, float]]) -> dict[str, Any]:
    """Return the others' latencies in quiet and beside the trouble, and how many took longer than any in quiet."""

    def of_all(begin: float, end: float) -> list[float]:
        return [seconds for facts in others for seconds in between(facts, begin, end)]

    quiet, beside = [of_all(a, b) for a, b, _ in spans], [of_all(b, c) for _, b, c in spans]
    most = max(max(each, default=0.0) for each in quiet)
    late = sum(seconds > most for each in beside for seconds in each)
    return {**compared(quiet, beside), "exports_beside": sum(map(len, beside)), "later_than_any_in_quiet": late}
