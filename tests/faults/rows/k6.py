"""K6: one of two workers loses its broker, one way, the other way, and both, for longer than its session."""

from __future__ import annotations

import asyncio

from tests.faults import site
from tests.faults.facts import WIRE_SECONDS
from tests.faults.lab import Lab
from tests.faults.places import behind_a_proxy, through
from tests.faults.result import Result
from tests.faults.site import SESSION_SECONDS
from tests.faults.toxics import Way
from tests.faults.worker import Worker

NAME = "K6"
WHAT = "network cut between one of two workers and the broker, one way, the other, both: 14 s each (session: 6 s)"

PROFILES, RATE = 400, 100
CUT_SECONDS = 14.0
NAMED, NAME_SECRET, CUT_OFF = "x-worker", "STREAMS_SECRET_NAME", "cut-off"
"""The header by which requests of the worker that is cut off are known: all go by one document, each by its secrets."""
CUTS: tuple[tuple[Way, ...], ...] = ((Way.TO_BROKER,), (Way.TO_WORKER,), ())


async def run(lab: Lab, seed: int) -> Result:
    async with behind_a_proxy(lab) as proxy:
        await lab.endpoint.behave(latency=(0.01, 0.6))
        named = {"customHeaders": {NAMED: {"value": f"${{env:{NAME_SECRET}}}", "secret": True}}}
        documents = [site.merged(site.destination(lab.endpoint.url), named)]
        cut_off = lab.worker("a", settings=through(proxy), documents=documents, secrets={NAME_SECRET: CUT_OFF})
        other = lab.worker("b", documents=documents, secrets={NAME_SECRET: "the-other"})
        await cut_off.start()
        await other.start()
        await lab.load.bring(PROFILES)
        lab.load.start(rate=RATE)
        restarts, alone = 0, []
        for ways in CUTS:
            await lab.flowing(delivered=200, open_requests=3)
            with lab.fault(f"cut {' '.join(way.value for way in ways) or 'both ways'}", crash=True) as cut:
                proxy.cut(*ways)
                await asyncio.sleep(SESSION_SECONDS)  # then the other one may have what was this one's
            await asyncio.sleep(CUT_SECONDS - SESSION_SECONDS)
            with lab.fault("mended") as mended:
                proxy.mend()
                restarts += await _again(cut_off)
            alone.append((cut.began + SESSION_SECONDS + WIRE_SECONDS, mended.began))
        result = await lab.judge(NAME, WHAT, seed)
        late = [_posted(lab, *between) for between in alone]
        result.figures |= {"restarts": restarts, "posted_while_cut_off": late}
        if any(late):
            result.fail(f"the worker that was cut off posted {late} requests when its session was over")
        if restarts:
            result.fail(f"the worker that was cut off ended {restarts} times")
        if not other.running:
            result.fail("the worker that was not cut off has ended")
        return result


def _posted(lab: Lab, since: float, until: float) -> int:
    """Return how many requests of the worker that was cut off arrived between two moments."""
    ours = [request for request in lab.endpoint.requests if f"{NAMED}: {CUT_OFF}" in request.head.lower()]
    assert ours, "no request tells who has sent it"
    return sum(since <= request.arrived < until for request in ours)


async def _again(worker: Worker) -> int:
    """Wait until the worker is alone again, started anew if it has ended by itself; return whether it was."""
    ended = not worker.running
    if ended:
        await worker.start(ready=False)
    try:
        await worker.ready()
    except AssertionError:
        await worker.start()
        ended = True
    return int(ended)
