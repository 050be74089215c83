"""What is fetched of a partition and not yet ended, and so how far its offset may be committed.

Exports finish out of order; an offset may be committed only when its export and every one below it has ended (design
law 4.1). Gaps in the offsets (transaction markers, compaction) are no exports: they hold nothing back.
"""

from __future__ import annotations


class Window:
    """The exports of one partition between the commit position and the last one fetched; offsets arrive ascending."""

    __slots__ = ("_committed", "_next", "_unfinished", "begun")

    def __init__(self) -> None:
        self._unfinished: dict[int, int] = {}  # offset -> record timestamp, ascending since offsets arrive so
        self._next: int | None = None
        self._committed: int | None = None
        self.begun = -1
        """The highest offset of which anything was begun; a plain attribute, since it is touched at every request."""

    def __len__(self) -> int:
        """Return how many exports are fetched and unfinished."""
        return len(self._unfinished)

    def fetched(self, offset: int, timestamp: int) -> bool:
        """Let an export in; false if it is in already or was before, as after a rewound fetch: then leave it out."""
        if self._next is not None and offset < self._next:
            return False
        self._unfinished[offset] = timestamp
        self._next = offset + 1
        return True

    def finished(self, offset: int) -> None:
        """Let an export out: it ended. Raises KeyError if it is not in, since its end would be counted twice."""
        del self._unfinished[offset]

    @property
    def oldest(self) -> int | None:
        """The offset of the oldest unfinished export."""
        return next(iter(self._unfinished), None)

    @property
    def oldest_timestamp(self) -> int | None:
        """The record timestamp, in milliseconds, of the oldest unfinished export."""
        return next(iter(self._unfinished.values()), None)

    @property
    def ahead(self) -> int:
        """How many offsets lie above the oldest unfinished export: what a kill would repeat at worst."""
        oldest = self.oldest
        return 0 if oldest is None or self._next is None else self._next - 1 - oldest

    @property
    def position(self) -> int | None:
        """The offset that may be committed: everything below it has ended; None before the first export."""
        oldest = self.oldest
        return self._next if oldest is None else oldest

    @property
    def due(self) -> int | None:
        """The position if it is not committed yet."""
        position = self.position
        return None if position == self._committed else position

    def committed(self, position: int) -> None:
        """Note that the broker took *position*; a later, higher one is never taken back by this."""
        self._committed = max(position, self._committed or 0)
