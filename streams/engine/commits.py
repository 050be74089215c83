"""Which offset of a partition may be committed: everything below the lowest record taken and not acknowledged.

Pure. Faust's own rule commits past records in flight when acknowledgements come out of order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class Progress:
    """The records of one partition since it was assigned; they are taken in offset order, acknowledged in any order."""

    __slots__ = ("_acknowledged", "_committed", "_open", "_safe")

    def __init__(self) -> None:
        self._open: deque[int] = deque()
        self._acknowledged: set[int] = set()
        self._safe: int | None = None
        self._committed: int | None = None

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
    def committable(self) -> int | None:
        """The offset to commit, or None when nothing new may be committed."""
        return None if self._safe == self._committed else self._safe

    def committed(self, offset: int) -> None:
        """Note that the broker has confirmed *offset*."""
        self._committed = offset
