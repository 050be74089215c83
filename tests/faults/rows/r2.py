"""R2: retention overtakes both consumers: what is gone is told, by number, and nobody goes on until it is accepted."""

from __future__ import annotations

from contextlib import suppress

from tests.faults import checker
from tests.faults.gaps import Announced, Owed, accept, announced
from tests.faults.lab import Lab
from tests.faults.result import Result
from tests.faults.worker import Worker
from tests.waiting import until

NAME = "R2"
WHAT = "retention overtakes delivery in one partition, then activation in another; told, accepted, gone on"

PROFILES = 200
NOTICED_SECONDS, QUIET_SECONDS = 60.0, 60.0


async def run(lab: Lab, seed: int) -> Result:
    """Delete records that were not read: first exports, then memberships; accept each gap by the command."""
    await lab.open()
    await lab.endpoint.behave(latency=(0.01, 0.1))
    worker = lab.worker("a")
    await worker.start()
    await lab.load.bring(PROFILES)
    await lab.settled(QUIET_SECONDS)
    told = [await _exports_gone(lab, worker), await _memberships_gone(lab, worker)]
    result = await lab.judge(NAME, WHAT, seed)
    result.figures["gaps"] = told
    for each in told:
        if each["announced"] != each["gone"] or not (each["only_the_announced_were_lost"] and each["stood_still"]):
            result.fail(f"what was gone, and what was told and accepted, differ: {each}")
    return result


async def _exports_gone(lab: Lab, worker: Worker) -> dict[str, object]:
    """Let activation run alone until each profile has an export that waits, and delete half of a partition's."""
    await worker.terminate()
    await worker.start("--stage", "activation")
    before = len(lab.exports.rows)
    await lab.load.step(range(PROFILES))
    await until(lambda: len(lab.exports.rows) == before + PROFILES, QUIET_SECONDS, "the exports wait")
    await worker.terminate()
    partition = lab.random.randrange(lab.partitions)
    gone = await _delete(lab, lab.exports_topic, lab.delivery_group, partition)
    rows = [row for row in lab.exports.rows if row.partition == partition and row.offset in gone]
    with lab.fault("exports deleted"):
        await worker.start()
        gap = await _noticed(worker)
        others = {row.key for row in lab.exports.rows if row.partition != partition}
        await until(
            lambda: others <= lab.endpoint.delivered.keys(), QUIET_SECONDS, "the other partitions are delivered"
        )
        stood = await _stands(lab, lab.exports_topic, lab.delivery_group, partition, gone)
        if gap is not None:
            await accept(worker, gap)
        kept = {row.key for row in lab.exports.rows if row not in rows}
        await until(lambda: kept <= lab.endpoint.delivered.keys(), QUIET_SECONDS, "what is left is delivered")
    owed = set(checker.uncovered(lab.facts()))
    obligations = {f"{each.topic}-{each.partition}-{each.offset}" for each in lab.load.obligations}
    accepted = Owed.by(lab).forgive(exports=rows) if gap else 0
    left = {f"{each.topic}-{each.partition}-{each.offset}" for each in lab.load.obligations}
    return _told(gap, len(gone), accepted, stood=stood, only=owed == obligations - left)


async def _memberships_gone(lab: Lab, worker: Worker) -> dict[str, object]:
    """Put in memberships while nobody reads, and delete half of a partition's."""
    await worker.terminate()
    await lab.load.step(range(PROFILES))
    partition = lab.random.randrange(lab.partitions)
    topic = lab.topic("memberships")
    gone = await _delete(lab, topic, lab.activation_group, partition)
    lost = [each for each in lab.load.obligations if (each.topic, each.partition) == (topic, partition)]
    lost = [each for each in lost if each.offset in gone]
    before = len(lab.endpoint.delivered)
    with lab.fault("memberships deleted"):
        await worker.start()
        gap = await _noticed(worker)
        ends = [each.partition for each in lab.load.obligations[-PROFILES:]]
        others = sum(each != partition for each in ends)
        await until(lambda: len(lab.endpoint.delivered) >= before + others, QUIET_SECONDS, "the others are delivered")
        stood = await _stands(lab, topic, lab.activation_group, partition, gone)
        if gap is not None:
            await accept(worker, gap)
        all_ = before + PROFILES - len(lost)
        await until(lambda: len(lab.endpoint.delivered) >= all_, QUIET_SECONDS, "what is left is delivered")
    owed = set(checker.uncovered(lab.facts()))
    accepted = Owed.by(lab).forgive(inputs=lost) if gap else 0
    only = owed == {f"{each.topic}-{each.partition}-{each.offset}" for each in lost}
    return _told(gap, len(gone), accepted, stood=stood, only=only)


async def _delete(lab: Lab, topic: str, group: str, partition: int) -> range:
    """Delete half of what the group has not read of a partition; return the offsets."""
    committed = (await lab.client.committed(group, topic)).get(partition, 0)
    end = (await lab.client.end_offsets(topic))[partition]
    assert end - committed >= 4, "too little is there to be deleted"
    gone = range(committed, committed + (end - committed) // 2)
    await lab.client.delete_records(topic, {partition: gone.stop})
    return gone


async def _stands(lab: Lab, topic: str, group: str, partition: int, gone: range) -> bool:
    """Whether the group has not gone on beyond what is gone."""
    return (await lab.client.committed(group, topic)).get(partition, 0) == gone.start


async def _noticed(worker: Worker) -> Announced | None:
    """Return the gap that a running worker tells of, once the command tells of it too; None if nobody tells."""

    async def is_told() -> bool:
        return "gap.found" in worker.log and len(await announced(worker)) == 1

    with suppress(TimeoutError):
        await until(is_told, NOTICED_SECONDS, "the gap is told")
    return next(iter(await announced(worker)), None)


def _told(gap: Announced | None, gone: int, accepted: int, *, stood: bool, only: bool) -> dict[str, object]:
    return {
        "cause": gap and gap.cause,
        "gone": gone,
        "announced": gap and gap.gone,
        "accepted_obligations": accepted,
        "stood_still": stood,
        "only_the_announced_were_lost": only,
    }
