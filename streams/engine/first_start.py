"""What the gate of a first start does: it holds the other inputs, says how far the first are, and lets go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka.errors import KafkaError

from streams.engine.gate import Gate
from streams.engine.holds import Why
from streams.engine.offsets import passes
from streams.groups.gaps import Cause, Gap, Partition
from streams.groups.starts import Starts

if TYPE_CHECKING:
    from streams.engine.consumer import Consumer

SAY_SECONDS = 5.0
"""Between two lines of the log that say how far the first inputs are."""
IDLE_SECONDS = 2.0
"""How long a first input may stand still below its end before it is asked whether anything is left to read."""

Exhausted = Callable[[Partition, int], Awaitable[bool]]


class FirstStart:
    """Of one assignment; *first* are the topics that come before the others."""

    def __init__(self, consumer: Consumer, first: frozenset[str]) -> None:
        self._consumer, self._first = consumer, first
        self.gate = Gate({})
        self._next_line = 0.0
        self._moved: dict[Partition, tuple[int, float]] = {}

    def begin(self, starts: Starts, ends: Mapping[Partition, int]) -> None:
        """Hold the other inputs of each number whose first inputs are not yet handled to their births' ends.

        *ends* are the partitions' of now: a topic that was made anew may be shorter than it was at its birth.
        """
        births = {each: birth for each, birth in starts.births.items() if each[0] in self._first}
        self.gate = Gate({each: min(birth.end, ends[each]) for each, birth in births.items()})
        self.gate.look(starts.at | _lagging(starts.gaps), lambda _: None)
        others = [each for each in ends if each[1] in self.gate.shut and each[0] not in self._first]
        self._consumer.hold(others, Why.GATE)
        if self.gate.shut:
            self._tell("activation.gate.shut")

    def look(self, positions: Mapping[Partition, int]) -> None:
        """Let go what the first inputs, read to *positions*, keep no longer."""
        for number in sorted(self.gate.look(positions, self._consumer.commits.oldest)):
            held = [each for each in self._consumer.holds.all if each[1] == number]
            self._consumer.let_go(held, Why.GATE)
            self._tell("activation.gate.open", partition=number)
        if self.gate.shut and monotonic() >= self._next_line:
            self._tell("activation.gate.progress")

    def idle(self, positions: Mapping[Partition, int]) -> list[tuple[Partition, int]]:
        """Return the first inputs that stand still below their ends for a while, and where."""
        now, idle = monotonic(), []
        for partition in self.gate.waiting.keys() & positions.keys():
            position = positions[partition]
            known, since = self._moved.get(partition, (None, now))
            if position != known or self._consumer.commits.oldest(partition) is not None:
                self._moved[partition] = position, now
            elif now - since > IDLE_SECONDS:
                self._moved[partition] = position, now
                idle.append((partition, position))
        return idle

    async def ask(self, partition: Partition, position: int, exhausted: Exhausted) -> None:
        """Wait no longer for a first input that has nothing more: compaction may have taken its last records.

        A broker that cannot say so now is asked again, as long as the input stands still.
        """
        try:
            has_no_more = await exhausted(partition, position)
        except KafkaError as error:
            if not passes(error):
                raise
        else:
            if has_no_more:
                self.gate.pass_over(partition, position)

    def _tell(self, event: str, **more: Any) -> None:
        self._next_line = monotonic() + SAY_SECONDS
        remaining = self.gate.remaining
        structlog.get_logger().info(event, **more, shut=len(remaining), remaining=sum(remaining.values()))


def _lagging(gaps: Mapping[Partition, Gap]) -> dict[Partition, int]:
    """Return where partitions were read to whose next records are gone."""
    known: Collection[tuple[Partition, Gap]] = gaps.items()
    return {each: gap.committed for each, gap in known if gap.cause is Cause.RETENTION and gap.committed is not None}
