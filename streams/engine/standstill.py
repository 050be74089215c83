"""The partitions that stand still at a gap: held and told once, until an operator accepts what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog

from streams.engine.holds import Why
from streams.engine.offsets import MemberOffsets
from streams.groups.gaps import Gap, Partition
from streams.groups.journal import Journal
from streams.groups.starts import accepted

if TYPE_CHECKING:
    from streams.engine.consumer import Consumer

SETTLING_SECONDS = 0.1


class Standstill:
    """Of one assignment."""

    def __init__(self, consumer: Consumer, group: str, journal: Journal, offsets: MemberOffsets) -> None:
        self._consumer, self._group, self._journal, self._offsets = consumer, group, journal, offsets
        self.gaps: dict[Partition, Gap] = {}

    def stop_at(self, gaps: Mapping[Partition, Gap]) -> None:
        """Hold partitions at their gaps, loudly."""
        self._consumer.hold(gaps, Why.GAP)
        self.gaps.update(gaps)
        for partition, gap in gaps.items():
            structlog.get_logger().error(
                "gap.found",
                **_named(partition, gap),
                beginning=gap.beginning,
                gone=gap.gone,
                todo="see streams gaps list; the partition stands still until it is accepted by streams gaps accept",
            )

    async def answer(self) -> None:
        """Let partitions go on when an operator has accepted their gaps; runs until it is cancelled."""
        while True:
            revision = self._journal.revision
            for partition, gap in list(self.gaps.items()):
                await self.try_to_answer(partition, gap)
            await self._journal.changed(revision)

    async def try_to_answer(self, partition: Partition, gap: Gap) -> None:
        """Let the partition go on if its gap is accepted."""

        async def attempt() -> int | None:
            offset = await accepted(self._offsets, self._group, partition, gap, self._journal)
            if offset is not None:
                await self._offsets.seek({partition: offset})
            return offset

        offset = await self._offsets.persist(attempt)
        if offset is not None and self.gaps.pop(partition, None) is not None:
            self._consumer.commits.begin({partition: offset})
            self._consumer.let_go([partition], Why.GAP)
            structlog.get_logger().warning("gap.accepted", **_named(partition, gap), offset=offset)

    async def settled(self, partition: Partition) -> None:
        """Return when all that was read of a held partition is committed: an operator sees the same figures then."""
        while not (await self._consumer.commit() and self._consumer.commits.is_settled(partition)):  # noqa: ASYNC110
            await asyncio.sleep(SETTLING_SECONDS)  # an acknowledgement, of which there are many, sets no event


def _named(partition: Partition, gap: Gap) -> dict[str, Any]:
    return {
        "stage": "activation",
        "topic": partition[0],
        "partition": partition[1],
        "cause": gap.cause.value,
        "committed": gap.committed,
    }
