"""Profiles and memberships are there before the first worker ever starts, and a kill comes before the gate opens."""

from __future__ import annotations

import time
from typing import Any

from tests.faults import site
from tests.faults.evidence import Limits
from tests.faults.lab import Lab
from tests.faults.ledger import Endpoint
from tests.faults.profiles import said_by
from tests.faults.result import Result

NAME = "FIRST"
WHAT = "first start over 1 M profiles and 200 k memberships, killed before the gate opens"
PROFILES, MEMBERS = 1_000_000, 200_000
WITHIN_SECONDS = 1_200.0
MEMORY_MIB = 800
NEW = 10


async def run(lab: Lab, seed: int) -> Result:
    """Start over history with two destinations: one takes it, the other only what comes from now on."""
    limits = Limits(in_flight=256, rss_bytes=MEMORY_MIB * 1024 * 1024)
    await lab.open(destination={"delivery": {"maxInFlight": 256}}, limits=limits)
    profiles, members = max(200, round(PROFILES * lab.scale)), max(100, round(MEMBERS * lab.scale))
    await lab.load.bring_many(profiles, members, lab.partitions)
    late = Endpoint(lab.directory / "late")
    await late.start()
    try:
        return await _first_start(lab, seed, late, profiles, members)
    finally:
        await late.close()


async def _first_start(lab: Lab, seed: int, late: Endpoint, profiles: int, members: int) -> Result:
    worker = lab.worker("a", documents=_documents(lab, late))
    began = time.time()
    await worker.start(ready=False)
    await lab.until(lambda: _read(lab) > profiles // 10, 300, "a tenth of the profiles is read")
    before = len(lab.endpoint.requests)
    with lab.fault("SIGKILL before the gate opens", crash=True):
        worker.kill()
    await worker.start(ready=False)
    await lab.until(lambda: len(lab.endpoint.states) >= members, WITHIN_SECONDS, "the history is delivered")
    seconds = time.time() - began
    await lab.settled(120)
    old = len(lab.endpoint.requests)
    history = len(late.requests)
    await lab.load.step([*range(NEW // 2), *range(members, members + NEW // 2)])
    await lab.until(lambda: len(lab.endpoint.requests) >= old + NEW and len(late.requests) >= NEW, 60, "news arrive")
    await lab.settled(60)
    news = [len(lab.endpoint.requests) - old, len(late.requests) - history]
    result = await lab.judge(NAME, WHAT, seed)
    half_empty = sum(_is_half_empty(request.body) for request in [*lab.endpoint.requests, *late.requests])
    result.figures |= {
        "profiles": profiles,
        "memberships": members,
        "requests_before_the_kill": before,
        "half_empty": half_empty,
        "history_to_since_now": history,
        "requests_for_news": news,
        "new_records": NEW,
        "seconds_to_deliver_history": round(seconds, 1),
        "profiles_per_second": round(profiles / seconds),
    }
    return _with_conditions(result)


def _documents(lab: Lab, late: Endpoint) -> list[dict[str, Any]]:
    history = site.merged(site.destination(lab.endpoint.url), {"delivery": {"maxInFlight": 256}})
    return [history, site.merged(site.destination(late.url), {"name": "late", "since": "now"})]


def _read(lab: Lab) -> int:
    """Return how many fragments are read and committed."""
    return sum(lab.commits.committed(lab.activation_group, lab.topic("profiles")).values())


def _is_half_empty(body: bytes) -> bool:
    said = said_by(body)
    return said is None or said.state.version == 0


def _with_conditions(result: Result) -> Result:
    figures = result.figures
    if figures["requests_before_the_kill"]:
        result.fail(f"{figures['requests_before_the_kill']} requests went out before all profiles were read")
    if figures["half_empty"]:
        result.fail(f"{figures['half_empty']} bodies lack attributes")
    if figures["history_to_since_now"]:
        result.fail(f"{figures['history_to_since_now']} exports of history went to a destination that is since now")
    if figures["requests_for_news"] != [NEW, NEW]:
        result.fail(f"{NEW} new records made {figures['requests_for_news']} requests")
    return result
