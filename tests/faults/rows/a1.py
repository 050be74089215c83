"""A1: the worker is a restricted user; what it may do with one destination's queue is withdrawn, and given back."""

from __future__ import annotations

import asyncio
import time

from tests.brokers.kafka import running_secured
from tests.brokers.secured import PASSWORD, VARIABLE, Secured
from tests.faults.evidence import Fault, Limits
from tests.faults.grants import granted
from tests.faults.lab import Lab
from tests.faults.latencies import latencies
from tests.faults.quiet import is_covered, texts_of
from tests.faults.receiver import Receiver
from tests.faults.result import Result
from tests.faults.worker import Worker

NAME = "A1"
WHAT = "a restricted user over SASL_SSL; of two destinations the ACL of one's queue is withdrawn, then given back"

PROFILES, RATE = 200, 60
DISTURBED = "ads"
UNDISTURBED_SECONDS, WITHDRAWN_SECONDS = 15.0, 20.0
NOTICED_SECONDS, COVERED_SECONDS, MENDED_SECONDS = 60.0, 60.0, 120.0


async def run(lab: Lab, seed: int) -> Result:
    """Grant what the README lists, no more; the judge and Kafka's tool come as somebody who may do everything."""
    disturbed = lab.receiver(DISTURBED)
    with running_secured(restricted=True) as secured:
        try:
            return await _run(lab, seed, secured, disturbed)
        finally:
            await lab.close()  # while there is still something to take leave of


async def _run(lab: Lab, seed: int, secured: Secured, disturbed: Receiver) -> Result:
    bootstrap = secured.node.bootstrap
    inputs = [lab.topic(name) for name in ("memberships", "profiles")]
    grants = granted(lab.app, inputs, [each.name for each in lab.receivers])
    await secured.acls.grant(bootstrap, grants)
    await lab.open(bootstrap=bootstrap, limits=Limits(recovery_seconds=MENDED_SECONDS))
    for receiver in lab.receivers:
        await receiver.endpoint.behave(latency=(0.01, 0.1))
    settings = {"kafka": secured.settings("SASL_SSL", "SCRAM-SHA-512")}
    worker = lab.worker("a", settings=settings, secrets={VARIABLE: PASSWORD})
    await worker.start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100)
    await asyncio.sleep(UNDISTURBED_SECONDS)

    queue = [each for each in grants if each.name == f"{lab.app}.exports.{DISTURBED}."]
    with lab.fault("ACL withdrawn") as fault:
        cut = Fault("ACL withdrawn", time.time(), crash=True, commit_seconds=None)  # what has ended cannot be committed
        disturbed.faults.append(cut)
        await secured.acls.withdraw(bootstrap, queue)
        reason = await _faulted(lab, worker)
        await asyncio.sleep(WITHDRAWN_SECONDS)
        await lab.load.stop()
        first = lab.receivers[0]
        await lab.until(lambda: is_covered(lab, first), COVERED_SECONDS, "the other destination has got everything")
        goes_on = not is_covered(lab, disturbed)
        lab.load.start(rate=RATE)
        await secured.acls.grant(bootstrap, queue)
        granted_at = time.time()
        await lab.until(lambda: _is_activated(worker), MENDED_SECONDS, "the destination is activated again")
        cut.ended = time.time()
        await lab.until(lambda: _is_exported(lab, disturbed, granted_at), MENDED_SECONDS, "it is exported to again")
    disturbed.refusals.append((fault.began, time.time()))
    await lab.flowing(delivered=100)
    result = await lab.judge(NAME, WHAT, seed)
    result.figures |= {"reason": reason, "latency": latencies(lab.facts(), fault)}
    return _with_conditions(result, reason, was_disturbed=goes_on, texts=await texts_of(lab))


def _with_conditions(result: Result, reason: str, *, was_disturbed: bool, texts: dict[str, str]) -> Result:
    """Add the row's own conditions to what the judge has found."""
    if reason != "not-authorized":
        result.fail(f"the destination was faulted by {reason!r}, expected 'not-authorized'")
    if not was_disturbed:
        result.fail("nothing was kept from the destination whose ACL was withdrawn")
    if any(PASSWORD in text for text in texts.values()):
        result.fail("the password of Kafka's user was told")
    return result


async def _faulted(lab: Lab, worker: Worker) -> str:
    """Wait until the destination is faulted; return why it says so."""
    reasons: list[str] = []

    async def is_faulted() -> bool:
        reasons[:] = [each["reason"] for each in await _states(worker) if each["state"] == "faulted"]
        return bool(reasons)

    await lab.until(is_faulted, NOTICED_SECONDS, "the destination is faulted")
    return reasons[0]


def _is_exported(lab: Lab, receiver: Receiver, since: float) -> bool:
    """Whether each partition's owner has written to the queue again."""
    return len({row.partition for row in reversed(receiver.exports.rows) if row.at > since}) == lab.partitions


async def _is_activated(worker: Worker) -> bool:
    return any(each["state"] == "activated" for each in await _states(worker))


async def _states(worker: Worker) -> list[dict[str, str]]:
    """Return the states that the disturbed destination is in."""
    samples = await worker.samples("streams_destination_state")
    return [has for has, value in samples if value == 1 and has["destination"].startswith(DISTURBED)]
