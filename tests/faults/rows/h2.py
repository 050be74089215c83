"""H2: the endpoint asks for patience, in every form in which one can, and in some in which one cannot."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from itertools import pairwise
from typing import Any

from tests.faults.evidence import Limits, Request
from tests.faults.facts import Facts
from tests.faults.lab import Lab
from tests.faults.patience import FORMS
from tests.faults.politeness import asked
from tests.faults.result import Result

NAME = "H2"
WHAT = "5 % answered 429 with Retry-After: seconds, a decimal, three dates, garbage, -5, 1e9 (capped at 3 s): 35 s"

PROFILES, RATE = 300, 60
SHARE, SECONDS, CAP_SECONDS = 0.05, 35.0, 3.0
DESTINATION = {"delivery": {"retry": {"retryAfterCapSeconds": CAP_SECONDS}}}


async def run(lab: Lab, seed: int) -> Result:
    """What is asked of one export is asked of the destination: the judge looks whether anything came too early."""
    await lab.open(destination=DESTINATION, limits=Limits(patience_seconds=CAP_SECONDS))
    await lab.endpoint.behave(latency=(0.005, 0.05))
    await lab.worker("a").start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100)
    with lab.fault("429"):
        await lab.endpoint.behave(errors=SHARE, error_statuses=[429], patience=FORMS)
        await asyncio.sleep(SECONDS * lab.scale)
        await lab.endpoint.behave(errors=0.0)
    result = await lab.judge(NAME, WHAT, seed)
    result.figures["forms"] = forms = _told(lab.facts())
    if missing := [form for form in FORMS if form not in forms]:
        result.fail(f"nobody was told {', '.join(missing)}")
    if lab.letters.rows:
        result.fail(f"there are {len(lab.letters.rows)} dead letters")
    return result


def _told(facts: Facts) -> dict[str, Any]:
    """Return for each form how often it was told, and the least that was waited beyond what it asks for."""
    beyond: dict[str, list[float]] = defaultdict(list)
    for before, after in _tried_again(facts):
        assert before.ended is not None
        beyond[before.form].append(after.arrived - before.ended - asked(facts, before))
    return {
        form: {"told": len(each), "least_beyond_ms": round(min(each) * 1000, 1)}
        for form, each in sorted(beyond.items())
    }


def _tried_again(facts: Facts) -> list[tuple[Request, Request]]:
    """Return each request that was told to wait, and the next one of its export."""
    tries = [pair for requests in facts.by_key.values() for pair in pairwise(requests)]
    return [(before, after) for before, after in tries if before.form]
