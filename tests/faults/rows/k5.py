"""K5: workers come and go under load, some in order and some not."""

from __future__ import annotations

from tests.faults.lab import Lab
from tests.faults.result import Result

NAME = "K5"
WHAT = "workers 1 -> 4 -> 2 under load: three join, one is stopped (SIGTERM), one is killed (SIGKILL)"

PARTITIONS, PROFILES, RATE = 8, 400, 120
BETWEEN = 300
"""Deliveries between two changes."""


async def run(lab: Lab, seed: int) -> Result:
    await lab.open(partitions=PARTITIONS)
    await lab.endpoint.behave(latency=(0.01, 0.4))
    workers = [lab.worker(name) for name in "abcd"]
    await workers[0].start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=BETWEEN, open_requests=3)
    for worker in workers[1:]:
        with lab.fault(f"{worker.name} joins"):
            await worker.start()
        await lab.flowing(delivered=BETWEEN)
    stopped, killed = lab.random.sample(workers, 2)
    with lab.fault(f"{stopped.name} SIGTERM"):
        code = await stopped.terminate()
    await lab.flowing(delivered=BETWEEN)
    with lab.fault(f"{killed.name} SIGKILL", crash=True):
        killed.kill()
    await lab.flowing(delivered=BETWEEN)
    result = await lab.judge(NAME, WHAT, seed)
    if code != 0:
        result.fail(f"a worker that was stopped in order ended with {code}")
    if not all(worker.running for worker in workers if worker not in (stopped, killed)):
        result.fail("a worker that nobody ended has ended")
    return result
