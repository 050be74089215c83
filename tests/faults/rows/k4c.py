"""K4c: in a cluster of three, the node that leads a partition of the exports is killed under load."""

from __future__ import annotations

import asyncio
import time

from tests.brokers.client import Client
from tests.faults.lab import Lab
from tests.faults.places import on_a_cluster
from tests.faults.result import Result

NAME = "K4c"
WHAT = "leader killed (SIGKILL) in a cluster of three, min.insync.replicas=2; back after 15 s"

PROFILES, RATE = 200, 80
AWAY_SECONDS = 15.0
RENEWED_SECONDS = 60.0


async def run(lab: Lab, seed: int) -> Result:
    async with on_a_cluster(lab) as cluster:
        await lab.endpoint.behave(latency=(0.01, 0.4))
        worker = lab.worker("a")
        await worker.start()
        await lab.load.bring(PROFILES)
        lab.load.start(rate=RATE)
        await lab.flowing(delivered=PROFILES // 2)
        led = await lab.client.leaders(lab.exports_topic)
        leader = led[lab.random.choice(sorted(led))]
        node = cluster.node(leader)
        with lab.fault("leader SIGKILL", crash=True):
            await asyncio.to_thread(node.kill)
            killed = time.time()
            await lab.commits.renewed(RENEWED_SECONDS)
        await asyncio.sleep(max(0.0, killed + AWAY_SECONDS - time.time()))
        went_on = _delivered_after(lab, killed + 1.0)
        others = Client(next(each.bootstrap for each in cluster.nodes if each is not node))
        heirs = await others.leaders(lab.exports_topic)
        with lab.fault("node back"):
            await asyncio.to_thread(node.start)
        result = await lab.judge(NAME, WHAT, seed)
        result.figures["partitions_led"] = sum(each == leader for each in led.values())
        result.figures["delivering_again_after_seconds"] = went_on and round(went_on - killed, 1)
        if went_on is None:
            result.fail("nothing was delivered while the node was away")
        if leader in heirs.values():
            result.fail("the killed node still leads")
        if not worker.running:
            result.fail("the worker did not live through it")
        return result


def _delivered_after(lab: Lab, moment: float) -> float | None:
    """Return when the first request that arrived after a moment was delivered."""
    later = [request for request in lab.endpoint.requests if request.arrived >= moment and request.delivered]
    return min((request.ended for request in later if request.ended is not None), default=None)
