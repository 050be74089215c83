"""H5: answers that do not end: a gigabyte, a gzip bomb, chunks for ever; the worker's memory is what it was."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from tests.faults.growth import Growth
from tests.faults.lab import Lab
from tests.faults.result import Result

NAME = "H5"
WHAT = "every second answer is a gigabyte, a gzip bomb, chunks without an end: 8 s each"

PROFILES, RATE = 200, 40
SHARE, WARM_SECONDS, SECONDS = 0.5, 12.0, 8.0
WAYS = ("huge", "bomb", "endless")
MOST_BYTES = 8 * 1024 * 1024


async def run(lab: Lab, seed: int) -> Result:
    """Compare the peak under such answers with the peak of the same load before."""
    await lab.open()
    await lab.endpoint.behave(latency=(0.005, 0.05))
    worker = lab.worker("a")
    await worker.start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=200)
    await asyncio.sleep(WARM_SECONDS * lab.scale)
    growth, peaks = Growth(worker.pid), {}
    before = growth.peak_bytes
    for way in WAYS:
        growth.forget()
        with lab.fault(way):
            await lab.endpoint.behave(ways={way: SHARE})
            await asyncio.sleep(SECONDS * lab.scale)
            await lab.endpoint.behave(ways={})
        peaks[way] = growth.peak_bytes
    result = await lab.judge(NAME, WHAT, seed)
    result.figures |= {"growth_bytes": {way: peak - before for way, peak in peaks.items()}, "answers": _told(lab)}
    if missing := set(WAYS) - result.figures["answers"].keys():
        result.fail(f"there was no {', '.join(sorted(missing))}")
    if (most := max(peaks.values()) - before) >= MOST_BYTES:
        result.fail(f"the worker's memory grew by {most} bytes, {MOST_BYTES} or more")
    if lab.letters.rows:
        result.fail(f"there are {len(lab.letters.rows)} dead letters")
    return result


def _told(lab: Lab) -> dict[str, Any]:
    """Return of each way how often it came, and how much the kernels took before the client had enough, at most."""
    wrote: dict[str, list[int]] = defaultdict(list)
    for request in lab.endpoint.requests:
        if request.way:
            wrote[request.way].append(lab.endpoint.links[request.link].wrote)
    return {way: {"answers": len(each), "most_wrote_bytes": max(each)} for way, each in wrote.items()}
