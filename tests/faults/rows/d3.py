"""D3: dead letters are replayed while the endpoint still refuses them, then when it is mended, and once more."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.faults.commands import given
from tests.faults.entering import enter
from tests.faults.lab import Lab
from tests.faults.profiles import profile_id
from tests.faults.result import Result
from tests.faults.worker import Worker

NAME = "D3"
WHAT = "under load 20 dead letters are replayed: they fail again; mended, replayed, and replayed once more"

PROFILES, RATE = 200, 60
REFUSED, WITHIN_SECONDS, LOOP_SECONDS = 20, 60.0, 5.0
"""So few refusals are no storm, however close they come."""


async def run(lab: Lab, seed: int) -> Result:
    """What fails again is a dead letter again, and nothing replays by itself; what arrives has the id that it had."""
    await lab.open()
    await lab.endpoint.behave(latency=(0.005, 0.05))
    worker = lab.worker("a")
    await worker.start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=100)
    numbers = range(PROFILES, PROFILES + REFUSED)
    refused = {f'"{profile_id(lab.marks, number)}"': 422 for number in numbers}
    with lab.fault("refused"):
        await lab.endpoint.behave(answers=refused)
        await enter(lab, numbers)
        await _there_are(lab, REFUSED)
    verdicts = [await _replayed(worker)]
    await _there_are(lab, 2 * REFUSED)
    await asyncio.sleep(LOOP_SECONDS)
    by_itself = len(lab.letters.rows) - 2 * REFUSED
    await lab.endpoint.behave(answers={})
    for times in (1, 2):
        verdicts.append(await _replayed(worker))
        await lab.until(lambda times=times: _delivered(lab) == times * REFUSED, WITHIN_SECONDS, "they are delivered")
    result = await lab.judge(NAME, WHAT, seed)
    result.figures |= {"verdicts": verdicts, "by_itself": by_itself, "replays": _counted(lab)}
    if by_itself or len(lab.letters.rows) != 2 * REFUSED:
        result.fail(f"{len(lab.letters.rows) - 2 * REFUSED} letters have come of themselves")
    if [each.get("written") for each in verdicts] != [REFUSED] * 3:
        result.fail(f"expected {REFUSED} to be written each time: {verdicts}")
    if _counted(lab) != [1, 2]:  # of the same letter the number is the same
        result.fail(f"expected that it is told how often each was replayed: {_counted(lab)}")
    return result


async def _replayed(worker: Worker) -> dict[str, Any]:
    """Replay all that are of the destination, and return how many came to which verdict."""
    options = ("--destination", "crm", "--reason", "refused", "--yes", "--output", "json")
    ended = await given(worker, "dead-letters", "replay", *options)
    assert ended.code == 0, ended.error[-500:]
    return {line["verdict"]: line["letters"] for line in json.loads(ended.out)["letters"]}


async def _there_are(lab: Lab, letters: int) -> None:
    await lab.until(lambda: len(lab.letters.rows) >= letters, WITHIN_SECONDS, f"there are {letters} dead letters")


def _delivered(lab: Lab) -> int:
    """Return how often what had been refused was delivered."""
    keys = {letter.key for letter in lab.letters.rows}
    return sum(count for key, count in lab.endpoint.delivered.items() if key in keys)


def _counted(lab: Lab) -> list[int]:
    return sorted({row.replays for row in lab.exports.rows if row.replays})
