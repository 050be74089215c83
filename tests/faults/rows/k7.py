"""K7: commits fail in every way they can, for a while; then one more time, and the worker is killed meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.faults.frames import Api
from tests.faults.lab import Lab
from tests.faults.places import behind_a_proxy, through
from tests.faults.proxy import Proxy
from tests.faults.result import Result
from tests.faults.toxics import Fate
from tests.waiting import until

NAME = "K7"
WHAT = "commits refused, swallowed, unanswered, each for 8 s; swallowed again, and the worker killed (SIGKILL)"

PROFILES, RATE = 300, 100
FAILING_SECONDS = 8.0
UNDER_WAY_SECONDS = 0.5
GROUPS = 2
"""Activation's and delivery's: what fails must fail for both."""
FATES = (Fate.REFUSE, Fate.SWALLOW, Fate.UNANSWERED)


async def run(lab: Lab, seed: int) -> Result:
    async with behind_a_proxy(lab) as proxy:
        await lab.endpoint.behave(latency=(0.01, 0.4))
        worker = lab.worker("a", settings=through(proxy))
        await worker.start()
        await lab.load.bring(PROFILES)
        lab.load.start(rate=RATE)
        phases = []
        for fate in FATES:
            await lab.flowing(delivered=100)
            with lab.fault(f"commits: {fate}"), _failing(proxy, fate) as phase:
                await asyncio.sleep(FAILING_SECONDS)
            phases.append(phase)
            await _committing(lab)
        with _failing(proxy, Fate.SWALLOW) as phase:
            await lab.flowing(delivered=200, open_requests=3)
            with lab.fault("SIGKILL", crash=True, commit_seconds=None):
                worker.kill()
        phases.append(phase)
        await worker.start()
        result = await lab.judge(NAME, WHAT, seed)
        result.figures["commits_failed"] = {f"{number} {each.fate}": each.hit for number, each in enumerate(phases, 1)}
        for each in phases:
            arrived = each.arrived(lab)
            if not each.hit or arrived != (GROUPS if each.fate is Fate.UNANSWERED else 0):
                result.fail(f"commits: {each.fate}: {each.hit} were hit, those of {arrived} groups arrived")
        return result


@dataclass(slots=True)
class Phase:
    """A while in which commits fail."""

    fate: Fate
    began: float
    ended: float = 0.0
    hit: int = 0
    """How many commits have failed."""

    def arrived(self, lab: Lab) -> int:
        """Return of how many groups commits arrived meanwhile; where none should, what was under way does not count."""
        since = self.began if self.fate is Fate.UNANSWERED else self.began + UNDER_WAY_SECONDS
        return len({each.group for each in lab.commits.changes if since <= each.at <= self.ended})


@contextmanager
def _failing(proxy: Proxy, fate: Fate) -> Iterator[Phase]:
    before, phase = proxy.count(Api.OFFSET_COMMIT, fate), Phase(fate, time.time())
    proxy.fates[Api.OFFSET_COMMIT] = fate
    yield phase
    proxy.fates.clear()
    phase.ended, phase.hit = time.time(), proxy.count(Api.OFFSET_COMMIT, fate) - before


async def _committing(lab: Lab) -> None:
    """Wait until a commit of each group arrives again."""
    seen = len(lab.commits.changes)
    await until(
        lambda: len({each.group for each in lab.commits.changes[seen:]}) == GROUPS, 30, "both groups commit again"
    )
