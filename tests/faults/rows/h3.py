"""H3: answers that never come, or come a byte a second, before the status line or after it, and requests read so."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.faults.evidence import Request
from tests.faults.lab import Lab
from tests.faults.result import Result
from tests.faults.sockets import connections

NAME = "H3"
WHAT = "5 % each of no answer, a head, a body at 1 B/s (timeout: 5 s); of another destination requests read at 1 B/s"

PROFILES, RATE = 100, 20
SHARE, SECONDS, TIMEOUT_SECONDS = 0.05, 20.0, 5.0
WIDE = "wide"
FILLING = {f"x-filler-{number}": "x" * 8_000 for number in range(60)}
"""So much that a socket does not take a request at once."""
IDLE_SECONDS = 60.0
"""In which the connections that nobody uses any more are closed."""


async def run(lab: Lab, seed: int) -> Result:
    """Misbehave for a while; then nothing is left of it: no request open, no socket."""
    wide = lab.receiver(WIDE)
    await lab.open()
    for receiver in lab.receivers:
        await receiver.endpoint.behave(latency=(0.005, 0.05))
    timeout = {"delivery": {"timeoutSeconds": TIMEOUT_SECONDS}}
    few = {"delivery": {"maxInFlight": 4}}
    documents = [lab.receivers[0].document(timeout), wide.document(timeout, few, {"customHeaders": FILLING})]
    worker = lab.worker("a", documents=documents)
    await worker.start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100)
    with lab.fault("slow answers, slow reads"):
        ways = {"slow-head": SHARE, "slow-body": SHARE}
        await lab.endpoint.behave(hangs=SHARE, ways=ways)
        await wide.endpoint.behave(slow_reads=0.5)
        for _ in range(max(1, round(SECONDS * lab.scale))):  # a connection that is kept has been read from before
            await wide.endpoint.behave(drop=True)
            await asyncio.sleep(1.0)
        await lab.endpoint.behave(hangs=0.0, ways={})
        await wide.endpoint.behave(slow_reads=0.0)
    result = await lab.judge(NAME, WHAT, seed)
    ports = [int(each.endpoint.url.rpartition(":")[2]) for each in lab.receivers]

    def left() -> int:
        return sum(connections(worker.pid, port) for port in ports)

    try:
        await lab.until(lambda: not left(), IDLE_SECONDS, "idle connections are closed")
    except TimeoutError:
        result.fail(f"{left()} sockets were leaked")
    result.figures |= _told(lab) | {"leaked_sockets": left(), "slow_reads": _slow_reads(lab)}
    for way in ("hang", "slow-head", "slow-body"):
        if not result.figures["attempts"].get(way):
            result.fail(f"there was no {way}")
    if not result.figures["slow_reads"]["attempts"]:
        result.fail("no request was read slowly")
    if lab.letters.rows:
        result.fail(f"there are {len(lab.letters.rows)} dead letters")
    return result


def _told(lab: Lab) -> dict[str, Any]:
    """Return how long attempts took, from the request's arrival to the loss of its connection, or to its answer."""
    kinds: dict[str, list[float]] = {}
    for request in lab.endpoint.requests:
        kinds.setdefault(request.way or ("hang" if request.status is None else "answered"), []).append(
            _took(lab, request)
        )
    attempts = {
        kind: {"attempts": len(each), "p99_seconds": round(_p99(each), 3), "most_seconds": round(max(each), 3)}
        for kind, each in kinds.items()
    }
    return {"attempts": attempts}


def _took(lab: Lab, request: Request) -> float:
    """Return how long the client was kept: by a body that comes slowly until it gives the connection up."""
    lost = lab.endpoint.links[request.link].lost
    end = lost if request.way and lost is not None else request.ended
    return 0.0 if end is None else end - request.arrived


def _slow_reads(lab: Lab) -> dict[str, Any]:
    """Return how long requests took of which a byte a second was read."""
    took = [
        link.lost - link.made for link in lab.receivers[1].endpoint.links.values() if link.lost and not link.requests
    ]
    return {"attempts": len(took), "p99_seconds": round(_p99(took), 3)}


def _p99(seconds: list[float]) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if ordered else 0.0
