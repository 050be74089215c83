"""A destination that a policy comes to forbid gets nothing more, says why, and misses nothing once it is allowed."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from typing import Any

import pytest

from streams.commands.applying import apply_files
from streams.configuration.settings import load
from streams.demo.endpoint import Answer, Received
from tests.e2e.changing import changing
from tests.e2e.processes import WorkerProcess
from tests.e2e.test_following import PROFILES, all_known, under_load
from tests.e2e.world import SEGMENT, Ledger, World, moment
from tests.registry.governing import LABELS, POLICY
from tests.waiting import until

pytestmark = pytest.mark.kafka

DISABLED = {**POLICY, "status": "disabled"}
SLOW_SECONDS = 2.0
"""So that even on a busy machine more comes than a slow endpoint takes."""
PARTNER = {
    "name": "partner",
    "marketingActions": POLICY["marketingActions"],
    "delivery": {"timeoutSeconds": 30},
}


class Ends:
    """What arrives at a third party, which may be slow, and at an own system that no policy concerns."""

    def __init__(self, world: World) -> None:
        self.partner, self.own = Ledger(), Ledger()
        self.is_slow = True
        world.endpoint.decide = self._decide

    def _decide(self, request: Received) -> Answer:
        if request.url.endswith("/partner"):
            self.partner.take(request)
            return Answer(delay_seconds=SLOW_SECONDS if self.is_slow else 0.0)
        self.own.take(request)
        return Answer()

    async def partner_lags(self) -> None:
        """Wait until much waits for the third party."""
        lag = len(self.own.arrivals) - len(self.partner.arrivals) + 200
        await until(lambda: len(self.own.arrivals) - len(self.partner.arrivals) > lag, 60, what="what waits for it")

    async def own_goes_on(self) -> None:
        count = len(self.own.arrivals)
        await until(lambda: len(self.own.arrivals) > count + 200, 60, what="what comes meanwhile, elsewhere")

    async def partner_is_told(self, step: int) -> None:
        def last() -> dict[str, str]:
            bodies = self.partner.last().items()
            return {each: body["segmentMembership"]["ups"][SEGMENT]["lastQualificationTime"] for each, body in bodies}

        await until(lambda: last() == dict.fromkeys(PROFILES, moment(step)), 60, what=f"step {step} of all profiles")


async def apply(worker: WorkerProcess, document: Mapping[str, Any]) -> None:
    """Apply a document as ``streams destinations apply`` does, which returns when the worker follows."""
    file = worker.directory / "governing.json"
    file.write_text(json.dumps(document))
    waited = (await apply_files(load(worker.directory / "streams.yaml", {}), [file], 60)).waited
    assert waited is not None
    assert (len(waited.workers), waited.laggards) == (1, ())


async def test_a_policy_stops_a_destination_that_runs_and_what_it_misses_follows(world: World) -> None:
    ends, steps = Ends(world), list[int]()
    partner = world.destination(**PARTNER, account={"httpEndpoint": f"{world.endpoint.url}/partner"})
    worker = world.worker(documents=[partner, world.destination()])
    await worker.start()
    await all_known(world, worker)
    async with changing(world) as documents:
        await apply(worker, LABELS)
        async with under_load(world, steps):
            await ends.partner_lags()
            await apply(worker, POLICY)
            ends.is_slow, count = False, len(ends.partner.arrivals)
            await ends.own_goes_on()
            assert len(ends.partner.arrivals) == count
            report = await documents.is_reported("partner", "forbidden")
            assert report.reason == "policy"
            assert "C2 on person (in labels customer-data) -> attribute person.id" in report.details
            excluded = {"destination": "partner", "exclusion": "policy"}
            assert await worker.metric("streams_considered_total", **excluded) > 0
            await apply(worker, DISABLED)
            await ends.own_goes_on()
        await ends.partner_is_told(steps[-1])
        assert ends.partner.repeats == 0

        ends.is_slow = True
        async with under_load(world, steps):
            await ends.partner_lags()
            await apply(worker, POLICY)
            ends.is_slow, count = False, len(ends.partner.arrivals)
            await ends.own_goes_on()
            worker.send(signal.SIGKILL)
            await worker.ended()
            await worker.start()
            state = {"destination": "partner", "state": "forbidden", "reason": "policy"}
            assert await worker.metric("streams_destination_state", **state) == 1, "ready = it has joined, and says so"
            await ends.own_goes_on()
        assert len(ends.partner.arrivals) == count
        await apply(worker, DISABLED)
        await ends.partner_is_told(steps[-1])
    assert await worker.terminate() == 0

    assert all(each == sorted(each) for each in ends.partner.steps().values()), "in order"
