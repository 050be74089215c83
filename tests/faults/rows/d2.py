"""D2: the changelog takes nothing for a while; the worker ends, and is started again when it does."""

from __future__ import annotations

from tests.faults.lab import Lab
from tests.faults.result import Result

NAME = "D2"
WHAT = "changelog refuses (max.message.bytes=1) under load, worker ends; mended, worker started again: 4 times"

PROFILES, RATE, HOT, FRAGMENTS = 200, 300, 0.5, 0.5
"""Often a round has both a membership and a fragment of one profile, in an order that is not the one they are read in
when they are read again."""
TIMES, BETWEEN, ENDS_WITHIN_SECONDS = 4, 300, 60.0
SLOW_ROUNDS = {"activation": {"lingerSeconds": 1}}


async def run(lab: Lab, seed: int) -> Result:
    """What the state does not know to have been told is not told."""
    await lab.open(settings=SLOW_ROUNDS)
    await lab.endpoint.behave(latency=(0.01, 0.1))
    worker = lab.worker("a")
    await worker.start()
    await lab.load.bring(PROFILES)
    changelog = f"{lab.app}-profiles-changelog"
    configured = (await lab.client.config(changelog))["max.message.bytes"]
    lab.load.start(rate=RATE, hot=HOT, fragments=FRAGMENTS)
    codes = []
    for _ in range(max(1, round(TIMES * lab.scale))):
        await lab.flowing(delivered=BETWEEN)
        with lab.fault("changelog refuses"):
            await lab.client.configure(changelog, max_message_bytes="1")
            codes.append(await worker.ended(ENDS_WITHIN_SECONDS))
            await lab.client.configure(changelog, max_message_bytes=configured)
        await worker.start()
    result = await lab.judge(NAME, WHAT, seed)
    result.figures["exit_codes"] = codes
    if not all(codes):
        result.fail(f"the exit codes were {codes}")
    return result
