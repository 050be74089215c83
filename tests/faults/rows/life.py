"""LIFE: one of two destinations lives five lives under load; each step is told, and the other one is not disturbed."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.faults.commands import Ended, given
from tests.faults.evidence import Withdrawal
from tests.faults.lab import Lab
from tests.faults.latencies import between, compared
from tests.faults.receiver import Receiver
from tests.faults.result import Result
from tests.faults.worker import Worker

NAME = "LIFE"
WHAT = "under load one of two destinations is applied, changed, narrowed, paused, resumed, drained, deleted: 5 times"

PROFILES, RATE = 300, 80
LIVES, QUIET_SECONDS, PAUSED_SECONDS = 5, 12.0, 3.0
FLOWING, FLOWING_SECONDS = 40, 60.0
MARGIN_SECONDS = 2.0
"""How long before a command to delete something must have come to be surely owed: it may still be on its way."""
CHANGING = "ads"
WITHDRAWN = "person.name"


@dataclass
class Life:
    """One creation of the destination: what was done with it, and what did not come as it should."""

    lab: Lab
    operator: Worker
    receiver: Receiver
    wrong: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    async def applied(self, step: str, document: dict[str, Any]) -> Ended:
        """Apply a document."""
        file = self.lab.directory / f"{CHANGING}.yaml"
        file.write_text(json.dumps(document))
        return await self.done(step, "apply", str(file))

    async def done(self, step: str, *command: str) -> Ended:
        """Give a command, and tell how long it took."""
        ended = await given(self.operator, "destinations", *command)
        self.seconds[step] = round(ended.seconds, 2)
        print(f"  {self.receiver.incarnation} {step}: {ended.seconds:.2f} s", file=sys.stderr, flush=True)
        if ended.code != 0:
            self.wrong.append(f"{step} ended with {ended.code}: {ended.out[-300:]}{ended.error[-300:]}")
        return ended

    async def flowing(self) -> None:
        """Wait until some more was delivered."""
        before = len(self.receiver.endpoint.delivered)
        await self.lab.until(
            lambda: len(self.receiver.endpoint.delivered) >= before + FLOWING, FLOWING_SECONDS, "it is delivered"
        )

    def expect_none(self, what: str, is_wrong: Callable[[float, str], bool]) -> None:
        """Note how many requests are wrong, by when they arrived and what their heads say."""
        count = sum(is_wrong(each.arrived, each.head) for each in self.receiver.endpoint.requests)
        if count:
            self.wrong.append(f"{self.receiver.incarnation}: {count} requests {what}")


async def run(lab: Lab, seed: int) -> Result:
    """Let quiet and lives take turns, and compare how long the other destination's exports took in both."""
    await lab.open()
    await lab.endpoint.behave(latency=(0.005, 0.05))
    documents = [lab.receivers[0].document()]
    workers = [lab.worker(name, documents=documents) for name in "ab"]
    for worker in workers:
        await worker.start()
    await lab.load.bring(PROFILES)
    await lab.settled(60)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100)
    lives, spans = [], []
    for number in range(1, max(1, round(LIVES * lab.scale)) + 1):
        began = time.time()
        await asyncio.sleep(QUIET_SECONDS)
        with lab.fault(f"life {number}") as fault:
            lives.append(await _lived(lab, workers[0], number))
        spans.append((began, fault.began, fault.ended or 0.0))
    result = await lab.judge(NAME, WHAT, seed)
    for life in lives:
        for text in life.wrong:
            result.fail(text)
    result.figures |= _told(lab, lives, spans)
    return result


async def _lived(lab: Lab, operator: Worker, number: int) -> Life:
    """Live one life; in every second one it is narrowed while it is paused."""
    receiver = lab.receiver(CHANGING, number)
    await receiver.open()
    await receiver.endpoint.behave(latency=(0.02, 0.4))
    life = Life(lab, operator, receiver)
    receiver.owed_from = (await life.applied("applied", receiver.document())).ended
    await life.flowing()

    headers = {"customHeaders": {"x-life": "changed"}}
    changed = await life.applied("changed", receiver.document(headers, {"description": "changed"}))
    await life.flowing()

    narrow = receiver.document(headers, {"attributes": ["person.id", "person.version"]})
    if number % 2:
        await _narrowed(life, narrow)
        await life.flowing()
    paused = await life.done("paused", "pause", CHANGING, "--why", "a row of the fault matrix")
    await asyncio.sleep(PAUSED_SECONDS)
    if not number % 2:
        await _narrowed(life, narrow)
    resumed = await life.done("resumed", "resume", CHANGING)
    await life.flowing()

    receiver.owed_until = time.time() - MARGIN_SECONDS
    deleted = await life.done("drained and deleted", "delete", CHANGING, "--drain", "--yes")
    await receiver.end()
    await lab.flowing(delivered=FLOWING)
    life.expect_none(
        "without the changed header", lambda at, head: at > changed.ended and "x-life: changed" not in head
    )
    life.expect_none("while it was paused", lambda at, _: paused.ended < at < resumed.began)
    life.expect_none("after it was deleted", lambda at, _: at > deleted.ended)
    if await lab.client.partitions(receiver.exports_topic):
        life.wrong.append(f"{receiver.exports_topic} is still there")
    if await lab.client.committed(receiver.delivery_group, receiver.exports_topic):
        life.wrong.append(f"{receiver.delivery_group} is still there")
    return life


async def _narrowed(life: Life, document: dict[str, Any]) -> None:
    """Withdraw an attribute."""
    began = time.time()
    narrowed = await life.applied("narrowed", document)
    life.receiver.withdrawals.append(Withdrawal(WITHDRAWN.rpartition(".")[2], began, narrowed.ended))


def _told(lab: Lab, lives: list[Life], spans: list[tuple[float, float, float]]) -> dict[str, Any]:
    """Return the seconds of each step, and the other destination's latencies, in quiet and beside each life."""
    facts = lab.facts()
    quiet = [between(facts, a, b) for a, b, _ in spans]
    beside = [between(facts, b, c) for _, b, c in spans]
    given_up = [
        sum(row.key not in life.receiver.endpoint.delivered for row in life.receiver.exports.rows) for life in lives
    ]
    return {
        "steps": [life.seconds for life in lives],
        "given_up": given_up,
        **compared(quiet, beside),
    }
