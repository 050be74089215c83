"""Two workers share four partitions: all arrives, in order per profile, and a SIGTERM under load repeats nothing."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from streams.demo.endpoint import Answer, Received
from tests.e2e.processes import WorkerProcess
from tests.e2e.world import Ledger, World, fragment, toggles
from tests.waiting import until

pytestmark = pytest.mark.kafka

PROFILES = [f"profile-{number}" for number in range(400)]
STEPS = range(10)
SLOW_SECONDS = 0.2
LEAST_RATE, LEAST_OPEN = 200, 25  # of the 64 requests that they share, each may have 32 open


async def test_a_stop_under_load_loses_nothing_repeats_nothing_and_keeps_order(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger()
    arrived: list[float] = []

    def decide(request: Received) -> Answer:
        ledger.take(request)
        arrived.append(time.monotonic())
        return Answer(delay_seconds=SLOW_SECONDS)

    world.endpoint.decide = decide
    first, second = world.worker("first"), world.worker("second")
    await asyncio.gather(first.start(), second.start())
    await _share(first, second)
    await world.produce("profiles", [(p.encode(), fragment(p)) for p in PROFILES])
    await world.produce("memberships", toggles(PROFILES, STEPS))
    expected = len(PROFILES) * len(STEPS)

    await until(lambda: len(arrived) > expected // 4, 60, what="a quarter has arrived")
    open_requests = rate = 0.0

    async def is_loaded() -> bool:
        nonlocal open_requests, rate
        open_requests = await first.metric("streams_exports_in_flight")
        rate = sum(moment > time.monotonic() - 1 for moment in arrived)
        return rate >= LEAST_RATE and open_requests >= LEAST_OPEN

    await until(is_loaded, 30, what="the load")
    first.send(signal.SIGTERM)
    assert await first.ended() == 0
    await until(lambda: len(ledger.bodies) >= expected, 60, what="everything has arrived")
    assert await second.terminate() == 0

    with capsys.disabled():
        print(
            f"\nSIGTERM with {open_requests:.0f} requests open, {rate:.0f} exports/s; "
            f"{len(ledger.bodies)} of {expected} arrived, {ledger.repeats} repeated"
        )
    assert rate >= LEAST_RATE
    assert open_requests >= LEAST_OPEN
    assert ledger.steps() == {profile: list(STEPS) for profile in PROFILES}
    assert ledger.repeats == 0


async def _share(*workers: WorkerProcess) -> None:
    """Wait until each worker holds partitions of the exports."""
    for worker in workers:

        async def holds(worker: WorkerProcess = worker) -> bool:
            return await worker.metric("streams_partitions_assigned", stage="delivery") > 0

        await until(holds, 60, what="each worker holds partitions")
