"""A dispatch that is fed and looked after as its service does it, by a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from aiokafka import TopicPartition

from streams.delivery.dispatch import Dispatch
from streams.delivery.pending import Record
from streams.delivery.tools import Tools
from streams.delivery.windows import Window
from streams.destinations import Retry
from tests.deliverables import TOPIC

P0 = TopicPartition(TOPIC, 0)
AT_ONCE = Retry(first_seconds=0.001, cap_seconds=0.001)
"""Who is at fault is probed again almost at once."""


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def fail(error: BaseException) -> None:
    raise AssertionError("a defect in the dispatch") from error


class Polled:
    """Takes records of one partition where there is room; with each poll the clock goes on by so many seconds."""

    def __init__(self, tools: Tools, clock: Clock, records: Iterable[Record] = ()) -> None:
        self.tools, self.clock, self.records = tools, clock, iter(records)
        self.dispatch = self.anew()
        self.taken = 0

    def anew(self) -> Dispatch:
        """Begin again with an empty window, as after a rebalance."""
        self.dispatch = Dispatch(self.tools, {P0: Window()}, defect=fail)
        return self.dispatch

    async def poll(self, seconds: float = 1.0) -> None:
        self.clock.seconds += seconds
        room = 0 if self.dispatch.full or self.dispatch.backlog.ahead else self.dispatch.backlog.next_fetch
        batch = list(_first(room, self.records))
        if batch:
            assert self.dispatch.accept(P0, batch)
        self.taken += len(batch)
        self.dispatch.polled(1 if batch else 0)
        await asyncio.sleep(0.001)

    async def until(self, condition: Callable[[], bool], *, seconds: float = 1.0, polls: int = 60_000) -> None:
        for _ in range(polls):
            if condition():
                return
            await self.poll(seconds)
        raise TimeoutError(f"it did not hold within {polls} polls")

    async def drained(self, *, seconds: float = 1.0) -> None:
        """Poll until nothing is left."""
        await self.until(lambda: not self.dispatch.backlog.pending and self._is_over(), seconds=seconds)
        await self.dispatch.release()

    def _is_over(self) -> bool:
        for each in self.records:
            self.records = _with(each, self.records)
            return False
        return True


def _first(count: int, records: Iterator[Record]) -> Iterator[Record]:
    for _ in range(count):
        for record in records:
            yield record
            break


def _with(first: Record, others: Iterator[Record]) -> Iterator[Record]:
    yield first
    yield from others
