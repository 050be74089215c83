"""POLICY: a policy forbids one of two destinations, again and again; nothing comes meanwhile, and all after."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from tests.faults.commands import Ended, given
from tests.faults.lab import Lab
from tests.faults.receiver import Receiver
from tests.faults.result import Result
from tests.faults.worker import Worker

NAME = "POLICY"
WHAT = "under load a policy forbids one of two destinations and allows it, 6 times; each second time a worker is killed"

PROFILES, RATE = 300, 80
TURNS, FORBIDDEN_SECONDS = 6, 6.0
FLOWING, FLOWING_SECONDS = 40, 60.0
COMMITTED_SECONDS = 5.0
"""Within how long the last records are committed that were decided on, and owed, while it was forbidden."""
FORBIDDEN = "partner"
ACTION = "Export to Third Party"
LABELS = {"kind": "labels", "name": "customer-data", "attributes": {"person": ["C2"]}}
POLICY = {"kind": "policy", "name": "no-c2", "marketingActions": [ACTION], "deny": "C2"}


async def run(lab: Lab, seed: int) -> Result:
    """Let the policy be enabled and disabled by commands, with two workers, one of which is killed every other time."""
    partner = lab.receiver(FORBIDDEN)
    await lab.open()
    await lab.endpoint.behave(latency=(0.005, 0.05))
    await partner.endpoint.behave(latency=(0.1, 0.6))  # so that much waits for it when it is forbidden
    documents = [lab.receivers[0].document(), partner.document({"marketingActions": [ACTION]})]
    workers = [lab.worker(name, documents=documents) for name in "ab"]
    for worker in workers:
        await worker.start()
    await _applied(lab, workers[0], LABELS)
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    turns = []
    for number in range(1, max(1, round(TURNS * lab.scale)) + 1):
        await _flowing(lab, partner)
        turns.append(await _turn(lab, partner, workers, number))
    await _flowing(lab, partner)
    result = await lab.judge(NAME, WHAT, seed)
    result.figures |= {"forbidden_s": [a.seconds for a, _ in turns], "allowed_s": [b.seconds for _, b in turns]}
    for enabled, disabled in turns:
        if count := sum(enabled.ended < each.arrived < disabled.began for each in partner.endpoint.requests):
            result.fail(f"{count} requests arrived while it was forbidden")
    return result


async def _turn(lab: Lab, partner: Receiver, workers: list[Worker], number: int) -> tuple[Ended, Ended]:
    """Forbid the destination for a while, and allow it; return both commands."""
    enabled = await _applied(lab, workers[0], {**POLICY, "status": "enabled"})
    if number % 2 == 0:
        with lab.fault(f"SIGKILL {number // 2}", crash=True):
            workers[1].kill()
        await workers[1].start()
    await asyncio.sleep(FORBIDDEN_SECONDS)
    disabled = await _applied(lab, workers[0], {**POLICY, "status": "disabled"})
    partner.refusals.append((enabled.began, disabled.ended + COMMITTED_SECONDS))
    print(f"  forbidden in {enabled.seconds:.2f} s, allowed in {disabled.seconds:.2f} s", file=sys.stderr, flush=True)
    return enabled, disabled


async def _applied(lab: Lab, operator: Worker, document: Mapping[str, Any]) -> Ended:
    file = lab.directory / "governing.json"
    file.write_text(json.dumps(document))
    ended = await given(operator, "policies", "apply", str(file), "--timeout", "60")
    if ended.code != 0:
        raise AssertionError(f"apply ended with {ended.code}: {ended.out[-300:]}{ended.error[-300:]}")
    return ended


async def _flowing(lab: Lab, receiver: Receiver) -> None:
    """Wait until some more was delivered to one destination."""
    before = len(receiver.endpoint.delivered)
    await lab.until(lambda: len(receiver.endpoint.delivered) >= before + FLOWING, FLOWING_SECONDS, "it is delivered")
