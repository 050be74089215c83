"""A soak: two workers under load, and faults drawn by the seed, one after the other, as long as one likes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.faults.evidence import Limits, Vital
from tests.faults.lab import Lab
from tests.faults.result import Result
from tests.faults.site import SESSION_SECONDS
from tests.faults.worker import Worker

NAME = "S1"
WHAT = "soak under load with faults drawn by seed"
SECONDS = 300.0
"""Of a soak at scale 1; an hour is ``--scale 12``."""
CALM_SECONDS = (5.0, 20.0)
BROKER_AWAY_SECONDS = (3.0, 10.0)
RENEWED_SECONDS = 60.0
"""In which all is committed again: until then what was under way may be written, and done again by another."""
Action = Callable[[Lab, Worker], Awaitable[None]]


async def run(lab: Lab, seed: int) -> Result:
    """Do something bad now and then until the time is over."""
    await lab.open(limits=Limits(recovery_seconds=90))
    workers = [lab.worker("a"), lab.worker("b")]
    await asyncio.gather(*(worker.start() for worker in workers))
    await lab.endpoint.behave(latency=(0.01, 0.3))
    await lab.load.bring(400)
    lab.load.start(rate=120)
    done: dict[str, int] = {}
    end = time.time() + SECONDS * lab.scale
    while time.time() < end:
        await asyncio.sleep(lab.random.uniform(*CALM_SECONDS))
        for each in workers:
            if not each.running:
                done["ended by itself"] = done.get("ended by itself", 0) + 1
                await each.start()
        action, worker = lab.random.choice(ACTIONS), lab.random.choice(workers)
        done[action.__name__] = done.get(action.__name__, 0) + 1
        await action(lab, worker)
        await lab.flowing(delivered=100, within_seconds=120)
    result = await lab.judge(NAME, WHAT, seed, within_seconds=240)
    result.figures |= {"actions": done, "rss_kib_per_hour": _growth(lab.vitals)}
    if ended := done.get("ended by itself"):
        result.fail(f"workers ended by themselves {ended} times")
    return result


async def kill(lab: Lab, worker: Worker) -> None:
    """SIGKILL, and start again."""
    with lab.fault(f"SIGKILL {worker.name}", crash=True):
        worker.kill()
    await worker.start()


async def terminate(lab: Lab, worker: Worker) -> None:
    """SIGTERM, and start again."""
    with lab.fault(f"SIGTERM {worker.name}"):
        await worker.terminate()
    await worker.start()


async def freeze(lab: Lab, worker: Worker) -> None:
    """SIGSTOP for longer than a session, then SIGCONT."""
    with lab.fault(f"SIGSTOP {worker.name}", crash=True):
        worker.freeze()
    await asyncio.sleep(SESSION_SECONDS * lab.random.uniform(1.2, 2.5))
    with lab.fault(f"SIGCONT {worker.name}"):
        worker.thaw()


async def stumble(lab: Lab, _: Worker) -> None:
    """Let the endpoint fail, close and refuse for a while."""
    with lab.fault("errors at the endpoint"):
        await lab.endpoint.behave(errors=0.2, closes=0.05, refuses=0.02, redirects=0.02, retry_after=1)
        await asyncio.sleep(lab.random.uniform(*CALM_SECONDS))
        await lab.endpoint.behave(errors=0.0, closes=0.0, refuses=0.0, redirects=0.0)


async def restart_broker(lab: Lab, _: Worker) -> None:
    """Kill the broker, and start it again."""
    with lab.fault("broker killed", crash=True, commit_seconds=None):
        await asyncio.to_thread(lab.broker.kill)
        await asyncio.sleep(lab.random.uniform(*BROKER_AWAY_SECONDS))
        await asyncio.to_thread(lab.broker.start)
        await lab.commits.renewed(RENEWED_SECONDS)


ACTIONS: tuple[Action, ...] = (kill, terminate, freeze, stumble, restart_broker)


def _growth(vitals: list[Vital]) -> dict[str, int]:
    """Return for each worker by how much its memory grew, as a straight line through the second half of the run."""
    growth = {}
    for name in sorted({vital.worker for vital in vitals}):
        points = [(vital.at, vital.rss_bytes / 1024) for vital in vitals if vital.worker == name]
        points = points[len(points) // 2 :]
        if len(points) > 1:
            growth[name] = round(_slope(points) * 3_600)
    return growth


def _slope(points: list[tuple[float, float]]) -> float:
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    below = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / below if below else 0.0
