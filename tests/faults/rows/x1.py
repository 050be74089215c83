"""X1: a producer of memberships uses transactions, and aborts some."""

from __future__ import annotations

from aiokafka import AIOKafkaProducer

from tests.faults.lab import Lab
from tests.faults.profiles import membership, profile_id
from tests.faults.result import Result

NAME = "X1"
WHAT = "transactions of the input's producer are aborted"

PROFILES, ABORTED, RATE = 200, 100, 80
FAR = 1_000
"""Steps that no committed record brings."""


async def run(lab: Lab, seed: int) -> Result:
    await lab.open()
    await lab.endpoint.behave(latency=(0.01, 0.2))
    worker = lab.worker("a")
    await worker.start()
    await lab.load.bring(PROFILES)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=50)
    with lab.fault("transactions aborted"):
        await _abort(lab)
    await lab.flowing(delivered=50)
    result = await lab.judge(NAME, WHAT, seed)
    result.figures["aborted"] = ABORTED
    return result


async def _abort(lab: Lab) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=lab.bootstrap, transactional_id=f"{lab.app}-input")
    await producer.start()
    try:
        await producer.begin_transaction()
        for number in range(ABORTED):
            profile = profile_id(lab.marks, number)
            await producer.send(lab.topic("memberships"), membership(profile, FAR + number), profile.encode())
        await producer.flush()
        await producer.abort_transaction()
    finally:
        await producer.stop()
