"""H4: connections that are reset, closed or lost, answers that are cut short, or are none."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from typing import Any

from tests.faults.facts import Facts
from tests.faults.lab import Lab
from tests.faults.misconduct import ACCEPTING, RACE
from tests.faults.result import Result
from tests.faults.worker import Worker

NAME = "H4"
WHAT = (
    "keep-alive races; then RST before and after a request, EOF, truncated body, garbage, a head of 100 kB: 15 s each"
)

PROFILES, RATE = 300, 80
RACES, SHARE, SECONDS = 0.1, 0.03, 15.0
WAYS = ("reset", "eof", "truncated", "garbage", "wide-head")
DESTINATION = "crm"


async def run(lab: Lab, seed: int) -> Result:
    """What a race costs is no retry; of the others each is what the table of outcomes says."""
    await lab.open()
    await lab.endpoint.behave(latency=(0.005, 0.05))
    worker = lab.worker("a")
    await worker.start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100)
    with lab.fault("keep-alive races"):
        await lab.endpoint.behave(ways={RACE: RACES})
        await asyncio.sleep(SECONDS * lab.scale)
        await lab.endpoint.behave(ways={})
    visible, resent = await _retried(worker)
    with lab.fault("connections and answers break"):
        await lab.endpoint.behave(ways=dict.fromkeys(WAYS, SHARE), early_resets=0.2)
        await asyncio.sleep(SECONDS * lab.scale)
        await lab.endpoint.behave(ways={}, early_resets=0.0)
    result = await lab.judge(NAME, WHAT, seed)
    outcomes = _outcomes(lab.facts())
    early = sum(not link.requests for link in lab.endpoint.links.values())
    races = sum(outcomes.get(RACE, {}).values())
    result.figures |= {"outcomes": outcomes, "early_resets": early}
    result.figures |= {"races": races, "resent": resent, "retries_by_races": visible}
    if visible or not races:
        result.fail(f"of {races} races {visible} were retries")
    for way, expected in (
        dict.fromkeys(WAYS, "tried again") | dict.fromkeys(ACCEPTING & set(WAYS), "delivered")
    ).items():
        if set(outcomes.get(way, {})) != {expected}:
            result.fail(f"{way}: expected that it is {expected}, it was {outcomes.get(way)}")
    if not early:
        result.fail("no connection was reset early")
    return result


async def _retried(worker: Worker) -> tuple[int, int]:
    """Return how many attempts did not deliver, and how many requests were sent again at once."""
    attempts = await worker.samples("streams_attempts_total")
    failed = sum(value for has, value in attempts if has["outcome"] != "delivered")
    return int(failed), int(await worker.metric("streams_attempts_resent_total"))


def _outcomes(facts: Facts) -> dict[str, Any]:
    """Return for each way what became of its exports: tried again, delivered, or given up."""
    found: dict[str, Counter[str]] = {}
    for requests in facts.by_key.values():
        for request, later in pairwise([*requests, None]):
            assert request is not None
            if request.way:
                found.setdefault(request.way, Counter())[_became(facts, request.key, tried=later is not None)] += 1
    return {way: dict(counts) for way, counts in sorted(found.items())}


def _became(facts: Facts, key: str, *, tried: bool) -> str:
    if tried:
        return "tried again"
    return "given up" if key in facts.parked else "delivered"
