"""Of which profiles something is due soon, the earliest first: those up to a horizon, which a walk moves on. Pure.

The state says of each profile from when on something of it may be due. Not all of them fit into memory, so only those
are known that are due before the horizon; a walk over the state finds them, and what is written meanwhile is noted as
it is written. In good time before the horizon the next walk begins. Where there are too many, the latest are
forgotten and the horizon comes nearer; then it is walked again once those before it are through.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import islice

Place = tuple[int, bytes]
"""A profile: the partition and the key."""

SPAN_MS = 60 * 60 * 1000
"""How far the horizon is when a walk begins; half of it later the next one does."""
MOST = 100_000
"""Profiles that are known at most."""


class DueTimes:
    """The clock is an argument, in milliseconds."""

    def __init__(self, most: int = MOST, span_ms: int = SPAN_MS) -> None:
        self._most, self._span_ms = most, span_ms
        self._due: dict[Place, int] = {}
        self._earliest: list[tuple[int, Place]] = []
        """A heap; what differs from ``_due`` counts no more."""
        self._is_cut = False
        self._walk_at = 0
        self.horizon = 0
        """What is due before it is known, once a walk has ended; of what is due then, a part may be."""

    def __len__(self) -> int:
        return len(self._due)

    def clear(self) -> None:
        """Know of nothing, and that a walk is to begin."""
        self._due.clear()
        self._earliest.clear()
        self._is_cut, self._walk_at, self.horizon = False, 0, 0

    def is_walk_due(self, now_ms: int) -> bool:
        """Whether the next walk should begin."""
        return now_ms >= self._walk_at and not (self._is_cut and self._due)

    def walk(self, now_ms: int) -> None:
        """Move the horizon; all that the state has is to be noted now."""
        self.horizon = now_ms + self._span_ms
        self._is_cut, self._walk_at = False, now_ms + self._span_ms // 2

    def note(self, place: Place, due_ms: int) -> None:
        """Note from when on something of a profile may be due; what was noted of it before counts no more."""
        if due_ms >= self.horizon:
            self._due.pop(place, None)
            return
        if self._due.get(place) == due_ms:
            return
        self._due[place] = due_ms
        heappush(self._earliest, (due_ms, place))
        if len(self._earliest) > 2 * self._most:
            self._cut()

    def take(self, now_ms: int, most: int) -> list[Place]:
        """Return, and know no more, some profiles of which something may be due now."""
        return list(islice(self._taken(now_ms), most))

    def _taken(self, now_ms: int) -> Iterator[Place]:
        while self._earliest and self._earliest[0][0] <= now_ms:
            due_ms, place = heappop(self._earliest)
            if self._due.get(place) == due_ms:
                del self._due[place]
                yield place

    def _cut(self) -> None:
        """Drop what counts no more, and the latest where there are too many."""
        known = sorted((due_ms, place) for place, due_ms in self._due.items())
        if len(known) > self._most:
            self._is_cut, self.horizon = True, known[self._most][0]
            self._walk_at = min(self._walk_at, self.horizon)
        self._earliest = known[: self._most]
        self._due = {place: due_ms for due_ms, place in self._earliest}
