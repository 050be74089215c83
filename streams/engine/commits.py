"""Which offset of a partition may be committed: everything below the lowest record taken and not acknowledged.

Pure. Faust's own rule commits past records in flight when acknowledgements come out of order.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping

from streams.groups.gaps import Partition


class Progress:
    """The records of one partition since it was assigned; they are taken in offset order, acknowledged in any order."""

    __slots__ = ("_acknowledged", "_committed", "_open", "_safe")

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._acknowledged: set[int] = set()
        self._safe: int | None = None
        self._committed: int | None = None

    def begin(self, offset: int) -> None:
        """Note where reading begins: *offset* is what is committed."""
        self._open.clear()
        self._acknowledged.clear()
        self._safe = self._committed = offset

    def reached(self, position: int) -> None:
        """Note where reading goes on: if nothing is open, what lies below holds no record, or only done ones."""
        if not self._open and self._safe is not None and position > self._safe:
            self._safe = position

    def take(self, offsets: Iterable[int]) -> None:
        """Note records handed to an agent, in ascending order."""
        self._open.extend(offsets)

    def acknowledge(self, offset: int) -> None:
        """Note that a record's work is done; a record that is not open is ignored."""
        waiting = self._open
        if not waiting or offset < waiting[0]:
            return
        if offset > waiting[0]:
            self._acknowledged.add(offset)
            return
        acknowledged = self._acknowledged
        self._safe = waiting.popleft() + 1
        while acknowledged and waiting and waiting[0] in acknowledged:
            self._safe = waiting.popleft() + 1
            acknowledged.discard(self._safe - 1)

    @property
    def open(self) -> int:
        """How many records are taken and not acknowledged, or acknowledged above one that is not."""
        return len(self._open)

    @property
    def oldest(self) -> int | None:
        """The lowest offset that is taken and not acknowledged."""
        return self._open[0] if self._open else None

    @property
    def confirmed(self) -> int | None:
        """The offset that is committed; None while it is unknown."""
        return self._committed

    @property
    def committable(self) -> int | None:
        """The offset to commit, or None when nothing new may be committed."""
        return None if self._safe == self._committed else self._safe

    def committed(self, offset: int) -> None:
        """Note that the broker has confirmed *offset*."""
        self._committed = offset


class Commits:
    """The progress of every partition of one assignment."""

    def __init__(self) -> None:
        self.of: defaultdict[Partition, Progress] = defaultdict(Progress)

    def clear(self) -> None:
        """Forget everything: another assignment begins."""
        self.of.clear()

    def begin(self, offsets: Mapping[Partition, int]) -> None:
        """Note where reading begins; that is what is committed."""
        for partition, offset in offsets.items():
            self.of[partition].begin(offset)

    def reached(self, positions: Mapping[Partition, int]) -> None:
        """Note where each partition is read on."""
        for partition, position in positions.items():
            self.of[partition].reached(position)

    def oldest(self, partition: Partition) -> int | None:
        """Return the lowest offset that is taken and not acknowledged."""
        return self.of[partition].oldest

    def confirmed(self, partition: Partition) -> int | None:
        """Return the offset that is committed; None while it is unknown."""
        known = self.of.get(partition)
        return None if known is None else known.confirmed

    def is_settled(self, partition: Partition) -> bool:
        """Whether all that was taken of it is acknowledged and committed."""
        done = self.of[partition]
        return done.oldest is None and done.committable is None

    @property
    def due(self) -> dict[Partition, int]:
        """What is to be committed."""
        found = [(partition, done.committable) for partition, done in self.of.items()]
        return {partition: offset for partition, offset in found if offset is not None}

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """Note what the broker has confirmed."""
        for partition, offset in offsets.items():
            self.of[partition].committed(offset)
