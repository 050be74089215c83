"""Where a member goes on in each partition that it was assigned, and which partitions stand still at a gap.

Nothing is fetched before it is known, and a partition with a gap is not fetched until an operator has accepted what is
missing (design law 4.8); the others of the destination go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from typing import TypeVar

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError

from streams.delivery.bitmaps import Finished, decode
from streams.delivery.member import Member
from streams.delivery.states import Trouble
from streams.delivery.tools import Tools
from streams.delivery.windows import Window
from streams.groups.gaps import Gap, Partition, judge
from streams.groups.journal import Journal
from streams.groups.starts import Starts, accepted, stand

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5

T = TypeVar("T")


class Standing:
    """Of one member, under one assignment after the other; ``begun`` and ``over`` say when these change."""

    def __init__(self, tools: Tools, member: Member, journal: Journal | None) -> None:
        self._tools, self._member, self._journal = tools, member, journal
        self.gaps: dict[Partition, Gap] = {}
        """The partitions of the assignment that stand still, and why."""
        self._suspects: set[TopicPartition] = set()
        self._told: set[tuple[Partition, str, int]] = set()

    @property
    def held(self) -> set[TopicPartition]:
        """The partitions that are not to be fetched."""
        return self._suspects | {TopicPartition(*each) for each in self.gaps}

    def suspects(self, partition: TopicPartition) -> bool:
        """Hold a partition until it is judged again; false if it is held already."""
        if partition in self.held:
            return False
        self._suspects.add(partition)
        return True

    async def begun(self, assigned: Collection[TopicPartition]) -> dict[TopicPartition, Window]:
        """Find where each partition goes on and seek it; return their windows. Raises what a retry cannot mend."""
        starts = await self._persist(lambda: self._stand(assigned))
        windows = {each: Window() for each in assigned}
        for partition, offset in starts.at.items():
            self._member.seek(partition, offset)
            inherited = await self._inherited(partition, offset, starts.metadata[partition])
            windows[TopicPartition(*partition)] = Window(inherited)
        if assigned or await self._member.sees_topic():
            self._tools.state.over(Trouble.TOPIC)
        else:
            self._tools.state.faulted(Trouble.TOPIC, "topic-missing")
        if not starts.gaps:
            self._tools.state.over(Trouble.GAP)
        self._stop_at(starts.gaps)
        return windows

    def over(self) -> None:
        """Forget the gaps: the partitions are ours no more. Whether there are any is told when others have begun."""
        self.gaps, self._suspects = {}, set()

    async def judged_again(self, partition: Partition) -> bool:
        """Stop at a partition that has nothing where we are; false if its commit shows no gap."""
        found = (await self._persist(lambda: self._member.found([partition])))[partition]
        birth = None if self._journal is None else self._journal.birth(self._member.group, partition)
        verdict = judge(found, birth)
        self._suspects.discard(TopicPartition(*partition))
        if isinstance(verdict, Gap):
            self._stop_at({partition: verdict})
        return isinstance(verdict, Gap)

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note what of a held partition was still under way and is committed now: its gap begins there."""
        for partition in self.gaps.keys() & offsets.keys():
            self.gaps[partition] = replace(self.gaps[partition], committed=offsets[TopicPartition(*partition)])

    async def answered(self) -> list[Partition]:
        """Commit and seek where an operator has accepted a gap, and return those partitions: they go on.

        Raises KafkaError and TimeoutError; then it is to be tried again.
        """
        gone_on: list[Partition] = []
        journal, gaps = self._journal, self.gaps
        if journal is None:
            return gone_on
        for partition, gap in list(gaps.items()):
            offset = await accepted(self._member, self._member.group, partition, gap, journal)
            if offset is None or gaps is not self.gaps:
                continue
            self._member.seek(partition, offset)
            del gaps[partition]
            gone_on.append(partition)
            structlog.get_logger().warning("gap.accepted", **self._named(partition, gap), offset=offset)
        if gone_on and not gaps:
            self._tools.state.over(Trouble.GAP)
        return gone_on

    async def _stand(self, assigned: Collection[TopicPartition]) -> Starts:
        partitions = [(each.topic, each.partition) for each in assigned]
        if not partitions:
            return Starts()
        if self._journal is not None:
            now_ms = int(self._tools.wall() * 1000)
            return await stand(self._member, self._member.group, partitions, self._journal, now_ms)
        found = await self._member.found(partitions)
        starts = Starts()
        for partition, known in found.items():
            match judge(known, None):
                case Gap() as gap:
                    starts.gaps[partition] = gap
                case _:
                    starts.at[partition] = known.beginning if known.committed is None else known.committed
                    starts.metadata[partition] = known.metadata
        return starts

    async def _inherited(self, partition: Partition, offset: int, text: str) -> Finished | None:
        """Return what a commit's text says has ended; one that cannot be right is told and ignored."""
        if not text:
            return None
        finished = decode(text, offset)
        # What has ended had been there: where the log is shorter, other records stand at these offsets, or will.
        if finished is not None and await self._persist(lambda: self._member.reaches(partition, finished.top + 1)):
            return finished
        log.warning("%s: what a commit says has ended is ignored: its text is not ours", self._tools.destination.name)
        return None

    def _stop_at(self, gaps: Mapping[Partition, Gap]) -> None:
        """Hold partitions at their gaps, loudly."""
        self.gaps.update(gaps)
        for partition, gap in gaps.items():
            if (partition, gap.cause, gap.beginning) in self._told:
                continue
            self._told.add((partition, gap.cause, gap.beginning))
            structlog.get_logger().error(
                "gap.found",
                **self._named(partition, gap),
                beginning=gap.beginning,
                gone=gap.gone,
                todo="see streams gaps list; the partition stands still until it is accepted by streams gaps accept",
            )
        if gaps:
            self._tools.state.faulted(Trouble.GAP, "gap")

    def _named(self, partition: Partition, gap: Gap) -> dict[str, object]:
        return {
            "stage": "delivery",
            "destination": self._tools.destination.name,
            "topic": partition[0],
            "partition": partition[1],
            "cause": gap.cause.value,
            "committed": gap.committed,
        }

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until it is done; raises KafkaError where a retry cannot mend it. A revocation cancels it."""
        told: type[KafkaError] | None = None
        while True:
            try:
                return await attempt()
            except KafkaError as error:
                if not (error.retriable or isinstance(error, CommitFailedError)):
                    raise
                if type(error) is not told:
                    told = type(error)
                    log.warning("%s: its offsets are waited for: %s", self._tools.destination.name, told.__name__)
            await asyncio.sleep(RETRY_SECONDS)
