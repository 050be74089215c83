"""One record of twenty cannot be read, of every kind that there is: each is one dead letter, the others flow on.

A record that contradicts its topic can only be where qualifications and exits have topics of their own: what is wrong
there and nowhere else comes to a second app, with a judge of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from math import ceil

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from tests.faults.lab import Lab
from tests.faults.profiles import fragment, membership, profile_id
from tests.faults.result import Result
from tests.poison import POISONS, Poison

NAME = "P1"
WHAT = "one record of twenty cannot be read, every kind of mistake at least 50 times"

PROFILES, RATE = 400, 400
EACH, GOOD_FOR_ONE = 50, 18
"""How often each kind comes, and how many good records for each: with those before and after it is one of twenty."""
FAR = 1_000
"""A version and a step that no readable record brings: who knows them has read what stands on a wrong partition."""
WITHIN_SECONDS = 60.0
SETTINGS = {"partitioner": "murmur2"}
SPLIT = "split"
"""What the part with topics of their own is called."""

Place = tuple[str, int, int, str]
"""Topic, partition, offset and reason."""


async def run(lab: Lab, seed: int) -> Result:
    """Do both, one after the other."""
    kinds = [each for each in POISONS if each.role in ("memberships", "profiles")]
    kinds += [Poison(role, "a wrong partition", "wrong-partition", None) for role in ("memberships", "profiles")]
    await lab.open(settings=SETTINGS)
    result = await _mixed(lab, seed, kinds)
    other = Lab(lambda: lab.broker, lab.directory / SPLIT, seed, scale=lab.scale)
    try:
        await other.open(settings=SETTINGS, split=True)
        contradicting = [each for each in POISONS if each.reason == "contradicting-status"]
        contradictory = await _mixed(other, seed, contradicting)
    finally:
        await other.close()
    contradictory.row = SPLIT
    result.join(contradictory)
    result.records = (result.records or 0) + (contradictory.records or 0)
    return result


async def _mixed(lab: Lab, seed: int, kinds: Sequence[Poison]) -> Result:
    """Mix poison into the load, and compare what was put in with the dead letters and the worker's books."""
    await lab.endpoint.behave(latency=(0.01, 0.2))
    worker = lab.worker("a")
    await worker.start()
    await lab.load.bring(PROFILES)
    await lab.settled(WITHIN_SECONDS)
    lab.load.start(rate=RATE)
    await lab.flowing(delivered=50)
    with lab.fault("poison"):
        put = await _poison(lab, kinds)
    await lab.flowing(delivered=50)
    await lab.load.stop()
    with suppress(TimeoutError):  # which are missing is told below
        await lab.until(lambda: len(lab.letters.rows) >= len(put), WITHIN_SECONDS, "each is a dead letter")
    result = await lab.judge(NAME, WHAT, seed)
    told = Counter((each.topic, *each.origin, each.reason) for each in lab.letters.rows)
    if told != Counter(put):
        result.fail(f"{len(told - Counter(put))} dead letters nobody put in, {len(Counter(put) - told)} are missing")
    books = [int(await worker.metric("streams_records_total", **end)) for end in ({"end": "malformed"}, {})]
    good = len(lab.load.obligations)
    if books != [len(put), len(put) + good]:
        result.fail(f"of {len(put)} + {good} records the books count {books[0]} malformed of {books[1]}")
    result.figures |= {"poison": len(put), "reasons": dict(Counter(reason for *_, reason in put))}
    await worker.terminate()
    return result


async def _poison(lab: Lab, kinds: Sequence[Poison]) -> list[Place]:
    """Put in every kind, in an order drawn by the seed and at the pace of the load; return where each record is."""
    producer = AIOKafkaProducer(bootstrap_servers=lab.bootstrap, max_request_size=2**22, compression_type="gzip")
    await producer.start()
    put: list[Place] = []
    try:
        for poison in _drawn(lab, kinds):
            await lab.until(
                lambda: len(lab.load.obligations) >= GOOD_FOR_ONE * len(put), WITHIN_SECONDS, "the load goes on"
            )
            put.append(await _put(lab, producer, poison))
    finally:
        await producer.stop()
    return put


def _drawn(lab: Lab, kinds: Sequence[Poison]) -> list[Poison]:
    drawn = list(kinds) * ceil(EACH * lab.scale)
    lab.random.shuffle(drawn)
    return drawn


async def _put(lab: Lab, producer: AIOKafkaProducer, poison: Poison) -> Place:
    """Put in one record among those of a profile that is well."""
    profile = profile_id(lab.marks, lab.random.randrange(PROFILES))
    key, value, partition = poison.key(profile.encode()), poison.value, None
    if poison.reason == "wrong-partition":
        value = fragment(profile, FAR) if poison.role == "profiles" else membership(profile, FAR)
        right = DefaultPartitioner()(profile.encode(), list(range(lab.partitions)), [])
        partition = (right + 1) % lab.partitions
    record = await producer.send_and_wait(lab.topic(poison.role), value, key, partition=partition)
    return record.topic, record.partition, record.offset, poison.reason
