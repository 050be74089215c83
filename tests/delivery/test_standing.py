from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from aiokafka import TopicPartition

from streams.delivery.standing import Standing
from streams.groups.gaps import Found, Partition
from tests.deliverables import TOPIC, RecordingTelemetry, the_tools

P0 = TopicPartition(TOPIC, 0)
WELL, GONE = Found(5, 0, 9), Found(5, 7, 9)


class AMember:
    """A member of a group that the broker tells *found* of each partition."""

    def __init__(self, found: Found = WELL) -> None:
        self.answer, self.has_topic = found, True

    async def found(self, partitions: Collection[Partition]) -> dict[Partition, Found]:
        return dict.fromkeys(partitions, self.answer)

    async def sees_topic(self) -> bool:
        return self.has_topic

    def seek(self, partition: Partition, offset: int) -> None:
        """Nothing is fetched here."""


def a_standing(member: AMember, telemetry: RecordingTelemetry) -> Standing:
    return Standing(the_tools(telemetry=telemetry), cast("Any", member), None)


async def test_a_gap_is_told_until_the_next_assignment_shows_none() -> None:
    member, telemetry = AMember(GONE), RecordingTelemetry()
    standing = a_standing(member, telemetry)
    for _ in range(2):
        await standing.begun({P0})
        standing.over()
    assert telemetry.states == [("activated", ""), ("faulted", "gap")]

    member.answer = WELL
    await standing.begun({P0})
    assert telemetry.states[-1] == ("activated", "")


async def test_nothing_assigned_of_a_topic_that_is_gone_is_its_fault_and_of_one_that_is_there_is_none() -> None:
    member, telemetry = AMember(), RecordingTelemetry()
    standing = a_standing(member, telemetry)
    await standing.begun(set())
    assert telemetry.states == [("activated", "")]

    member.has_topic = False
    await standing.begun(set())
    assert telemetry.states[-1] == ("faulted", "topic-missing")

    member.has_topic = True
    await standing.begun({P0})
    assert telemetry.states[-1] == ("activated", "")
