"""Where the member stands in each of its partitions: found, judged and sought before anything is read.

Offsets never reset by themselves, so whoever is assigned a partition seeks it, and nothing is skipped unasked (design
laws 3.7 and 4.8).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from dataclasses import dataclass
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from aiokafka.errors import CommitFailedError

from streams.engine.first_start import FirstStart
from streams.engine.gate import Gate
from streams.engine.holds import Why
from streams.engine.offsets import RETRY_SECONDS, MemberOffsets
from streams.engine.standstill import Standstill
from streams.groups.gaps import Gap, Partition
from streams.groups.journal import Journal
from streams.groups.starts import Starts, stand

if TYPE_CHECKING:
    from streams.engine.consumer import Consumer

LOOK_SECONDS = 1.0
"""How often it is looked how far the inputs are, besides at each turn while the gate is shut."""


@dataclass(frozen=True, slots=True)
class _Ours:
    """What belongs to one assignment."""

    sources: Collection[Partition]
    offsets: MemberOffsets
    start: FirstStart
    still: Standstill


class Standing:
    """Of one member, under one assignment after the other."""

    def __init__(self, consumer: Consumer, group: str, first: frozenset[str], journal: Journal) -> None:
        self._consumer, self._group, self._first, self._journal = consumer, group, first, journal
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_look = 0.0
        self._ours: _Ours | None = None

    @property
    def gaps(self) -> Mapping[Partition, Gap]:
        """The partitions that stand still, and why."""
        return self._ours.still.gaps if self._ours else {}

    @property
    def gate(self) -> Gate:
        """The gate of a first start."""
        return self._ours.start.gate if self._ours else Gate({})

    @property
    def ends(self) -> Mapping[Partition, int]:
        """Where the partitions ended when they were found, or found again."""
        return self._ours.offsets.ends if self._ours else {}

    def over(self) -> None:
        """Forget everything: the assignment is over."""
        for task in self._tasks:
            task.cancel()
        self._ours = None

    async def stand(self, partitions: Collection[Partition]) -> None:
        """Find where each partition goes on, and seek it; does nothing if the assignment ends meanwhile."""
        consumer = self._consumer
        mine, offsets = consumer.assignment_count, MemberOffsets(consumer.thread)
        starts = await self._starts(offsets, partitions)
        if starts is None or consumer.assignment_count != mine:
            return
        start = FirstStart(consumer, self._first)
        still = Standstill(consumer, self._group, self._journal, offsets)
        self._ours = _Ours(partitions, offsets, start, still)
        consumer.commits.begin(starts.at)
        start.begin(starts, offsets.ends)
        still.stop_at(starts.gaps)
        self._spawn(still.answer())

    async def _starts(self, offsets: MemberOffsets, partitions: Collection[Partition]) -> Starts | None:
        async def attempt() -> Starts:
            starts = await stand(offsets, self._group, partitions, self._journal, int(time() * 1000))
            await offsets.seek(starts.at)
            return starts

        return await offsets.persist(attempt)

    @property
    def is_due(self) -> bool:
        """Whether ``look`` has something to do."""
        ours = self._ours
        return ours is not None and (bool(ours.start.gate.waiting) or monotonic() >= self._next_look)

    async def look(self) -> None:
        """See how far the inputs are; no fetch may be under way. Past the last records, markers may stand."""
        ours, mine = self._ours, self._consumer.assignment_count
        if ours is None:
            return
        self._next_look = monotonic() + LOOK_SECONDS
        try:
            positions = await ours.offsets.positions([each for each in ours.sources if not self._is_stopped(each)])
        except CommitFailedError:
            return
        if not self._consumer.is_open(mine):
            return
        self._consumer.commits.reached(positions)
        ours.start.look(positions)
        for partition, position in ours.start.idle(positions):
            self._spawn(ours.start.ask(partition, position, ours.offsets.exhausted))

    def overtaken(self, partition: Partition) -> None:
        """Stop at a partition that has nothing where we are: retention was faster, or its topic was made anew."""
        if self._ours is not None and not self._is_stopped(partition):
            self._consumer.hold([partition], Why.GAP)
            self._spawn(self._judge_again(partition, self._ours))

    def _is_stopped(self, partition: Partition) -> bool:
        return Why.GAP in self._consumer.holds.all.get(partition, ())

    async def _judge_again(self, partition: Partition, ours: _Ours) -> None:
        await ours.still.settled(partition)
        starts = await self._starts(ours.offsets, [partition])
        if starts is None:
            return
        ours.still.stop_at(starts.gaps)
        for gap in starts.gaps.values():
            await ours.still.try_to_answer(partition, gap)
        if starts.at:
            await asyncio.sleep(RETRY_SECONDS)
            self._consumer.commits.begin(starts.at)
            self._consumer.let_go(starts.at, Why.GAP)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            await self._consumer.app.crash(error)
