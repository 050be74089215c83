"""K8: memberships come while the state is still being recovered; ``--scale 0.02`` is quick."""

from __future__ import annotations

import asyncio
import re
import shutil
import time

from tests.faults.crowd import crowd, half_empty, read_all
from tests.faults.evidence import Limits
from tests.faults.lab import Lab
from tests.faults.result import Result
from tests.faults.worker import Worker

NAME = "K8"
WHAT = "killed, state directory deleted, memberships put in before it is recovered (1 M profiles of 1 KiB)"

PROFILES, PADDING = 1_000_000, 700
"""The padding makes a state of about 1 KiB."""
KNOWN = 400
"""The profiles whose memberships come too early."""
READ_SECONDS, READY_SECONDS = 900.0, 300.0
MEMORY_MIB = 800


async def run(lab: Lab, seed: int) -> Result:
    return await recover(lab, seed, (NAME, WHAT), int(PROFILES * lab.scale), padding=PADDING)


async def recover(
    lab: Lab, seed: int, row: tuple[str, str], profiles: int, *, padding: int, memberships: int = 0
) -> Result:
    """Fill the state, lose it, and put in memberships of known profiles while it is rebuilt."""
    await lab.open(limits=Limits(recovery_seconds=READY_SECONDS, rss_bytes=MEMORY_MIB * 1024 * 1024))
    worker = lab.worker("a")
    await worker.start()
    await crowd(lab, profiles, padding=padding, memberships=memberships)
    await lab.load.fragments(range(KNOWN))  # last, and so what a recovery comes to last
    await read_all(lab, READ_SECONDS)
    with lab.fault("SIGKILL, state deleted", crash=True):
        worker.kill()
        shutil.rmtree(worker.data)
    await lab.load.step(range(KNOWN))
    figures = await _recovery(worker)
    result = await lab.judge(*row, seed, within_seconds=READY_SECONDS)
    result.figures |= {"profiles": profiles, **figures}
    if (figures["loaded"] or 0) < profiles:
        result.fail(f"of {profiles} profiles {figures['loaded']} were recovered")
    result.figures["half_empty"] = len(incomplete := half_empty(lab))
    if incomplete:
        result.fail(f"{len(incomplete)} exports were rendered from an incomplete table")
    return result


async def _recovery(worker: Worker) -> dict[str, float | None]:
    """Start the worker, and return what its recovery took."""
    told, peak = len(worker.log), 0
    await worker.start(ready=False)
    began = time.monotonic()
    waiting = asyncio.ensure_future(worker.ready(READY_SECONDS))
    while not waiting.done():
        vital = worker.vital()
        peak = max(peak, vital.rss_bytes if vital else 0)
        await asyncio.wait([waiting], timeout=0.1)
    await waiting
    loaded = re.search(r'"recovery.done".*?"loaded":(\d+),"seconds":([\d.]+)', worker.log[told:])
    rate = None if loaded is None else round(int(loaded[1]) / max(float(loaded[2]), 0.001))
    return {
        "seconds_to_ready": round(time.monotonic() - began, 2),
        "peak_recovery_mib": peak // 1024**2,
        "loaded": None if loaded is None else int(loaded[1]),
        "profiles_per_second": rate,
    }
