"""The gate of a first start: what the other inputs say waits until the first inputs are handled to their birth's end.

Pure. Otherwise a profile that was in a segment before we came would be exported without its attributes (design law
3.7). Where a first input ended is remembered with its birth, so a crash while the gate is shut changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from streams.groups.gaps import Partition


class Gate:
    """One assignment's gate; it opens for each partition number by itself, and then stays open."""

    def __init__(self, ends: Mapping[Partition, int]) -> None:
        """*ends* has, for each partition of the first inputs, the offset before which everything must be handled."""
        self._ends = dict(ends)
        self._remaining = {partition: end for partition, end in ends.items() if end}

    @property
    def shut(self) -> frozenset[int]:
        """The partition numbers whose other inputs have to wait."""
        return frozenset(number for _, number in self._remaining)

    @property
    def waiting(self) -> Mapping[Partition, int]:
        """How many offsets of each partition are still to be handled."""
        return self._remaining

    @property
    def remaining(self) -> dict[int, int]:
        """How many offsets are still to be handled before each number's gate opens; those that are open are absent."""
        totals: Counter[int] = Counter()
        for (_, number), left in self._remaining.items():
            totals[number] += left
        return dict(totals)

    def look(self, positions: Mapping[Partition, int], oldest: Callable[[Partition], int | None]) -> frozenset[int]:
        """Note how far the first inputs are; return the numbers for which the gate opens by that.

        *positions* are where each is read on, behind what leaves gaps in the offsets: compaction, markers of
        transactions. *oldest* tells the lowest offset that is read and not yet acknowledged.
        """
        shut = self.shut
        for partition in list(self._remaining):
            if (position := positions.get(partition)) is not None:
                self._note(partition, position, oldest(partition))
        return shut - self.shut

    def pass_over(self, partition: Partition, position: int) -> None:
        """Note that nothing is left to read from *position* on: compaction took the last records below the end."""
        self._ends[partition] = position

    def _note(self, partition: Partition, position: int, oldest: int | None) -> None:
        left = self._ends[partition] - (position if oldest is None else min(position, oldest))
        if left > 0:
            self._remaining[partition] = left
        else:
            del self._remaining[partition]
