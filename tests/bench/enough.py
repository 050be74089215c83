"""Whether the endpoint was enough: what it can do with a writer that does next to nothing, and what was asked of it."""

from __future__ import annotations

import asyncio
import sys

from tests.bench.figures import Figure, figure
from tests.bench.lab import Lab
from tests.bench.telling import Steps, Wanted

ENDPOINT = "endpoint_requests_per_second"
NAMES = (ENDPOINT,)

PAYLOADS, SECONDS = (512, 4096), 3.0


async def run(lab: Lab, wanted: Wanted) -> list[Figure]:
    """Measure what is *wanted* of ``NAMES``; the yardstick is the most that this run asked of it."""
    payloads = [payload for payload in PAYLOADS if wanted(ENDPOINT, {"payload_bytes": payload})]
    steps = Steps(ENDPOINT, len(payloads))
    return [await _measured(lab, payload, steps) for payload in payloads]


async def _measured(lab: Lab, payload_bytes: int, steps: Steps) -> Figure:
    await lab.begin(0)
    command = ("-m", "tests.bench.writer", lab.endpoint.first, str(payload_bytes), str(SECONDS))
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    speed = round(float((await process.communicate())[0]))
    most = round(lab.busiest.get(payload_bytes, 0))
    steps.done(f"{speed}/s with a bare writer, {most}/s at most in this run  {payload_bytes} bytes")
    more = {"yardstick": most, "ratio": round(speed / most, 2)} if most else {}
    return figure(ENDPOINT, {"payload_bytes": payload_bytes}, speed, "requests/s", **more)
