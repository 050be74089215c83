"""What is fetched of a partition and not yet ended, and so what may be committed of it.

Exports finish out of order; an offset may be committed only when its export and every one below it has ended (design
law 4.1). Beside it the commit carries which ones above it have ended, so that who takes over does not repeat them (law
4.3). Gaps in the offsets (transaction markers, compaction) are no exports: they hold nothing back.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from streams.delivery.bitmaps import Finished, all_but, encode, joined


class Mark(NamedTuple):
    """What may be committed: all below *offset* has ended, and what *finished* says of those above it."""

    offset: int
    finished: Finished | None
    ends: int
    """How many exports of the window had ended: with the offset, it says whether anything has changed."""

    @property
    def metadata(self) -> str:
        """The text that the commit carries."""
        return "" if self.finished is None else encode(self.finished)


class Window:
    """The exports of one partition between the commit position and the last one fetched; offsets arrive ascending.

    It begins with the *inherited* exports that have ended already, as the last commit says.
    """

    __slots__ = ("_ages", "_committed", "_ends", "_last_timestamp", "_next", "_unfinished", "inherited", "mistrusted")

    def __init__(self, inherited: Finished | None = None) -> None:
        self._unfinished: dict[int, int] = {}  # offset -> record timestamp, ascending since offsets arrive so
        self._ages: dict[int, int] = {}  # offset -> an older timestamp than the record's own
        self._next: int | None = None
        self._last_timestamp = 0
        self._committed: tuple[int, int] | None = None
        self._ends = 0
        self.inherited = inherited
        """None as soon as it says nothing of what is still to be fetched."""
        self.mistrusted = False
        """Whether what was inherited turned out to be of other exports than those that are fetched."""

    def __len__(self) -> int:
        """Return how many exports are fetched and unfinished."""
        return len(self._unfinished)

    def fetched(self, offset: int, timestamp: int) -> bool:
        """Let an export in; false if it is in already or was before, as after a rewound fetch: then leave it out."""
        if self._next is not None and offset < self._next:
            return False
        self._unfinished[offset] = timestamp
        self._next, self._last_timestamp = offset + 1, timestamp
        return True

    def skipped(self, offset: int, timestamp: int) -> bool:
        """Pass over an export that had ended before it came here; false if it had not, or is here: see ``fetched``."""
        inherited = self.inherited
        if inherited is None:
            return False
        if self._next is None and (offset, timestamp) != (inherited.base, inherited.anchor):
            self.inherited, self.mistrusted = None, True
            return False
        if offset not in inherited or (self._next is not None and offset < self._next):
            return False
        self._next, self._last_timestamp = offset + 1, timestamp
        return True

    def finished(self, offset: int) -> None:
        """Let an export out: it ended. Raises KeyError if it is not in, since its end would be counted twice."""
        del self._unfinished[offset]
        self._ends += 1
        if self._ages:
            self._ages.pop(offset, None)

    @property
    def ends(self) -> int:
        """How many of its exports have ended."""
        return self._ends

    @property
    def told(self) -> int:
        """How many of them had ended when the last commit was made that the broker took."""
        return self._committed[1] if self._committed else 0

    def age(self, offset: int) -> int:
        """Return since when, in milliseconds, an unfinished export waits, with what it stands in for."""
        return self._ages.get(offset, self._unfinished[offset])

    def inherits(self, offset: int, timestamp: int) -> None:
        """Note that an unfinished export stands in for one that waited since *timestamp*."""
        if timestamp < self.age(offset):
            self._ages[offset] = timestamp

    @property
    def oldest(self) -> int | None:
        """The offset of the oldest unfinished export."""
        return next(iter(self._unfinished), None)

    @property
    def oldest_timestamp(self) -> int | None:
        """Since when, in milliseconds, the oldest unfinished export waits, or what it stands in for."""
        first = next(iter(self._unfinished.values()), None)
        return first if first is None else min((first, *self._ages.values()))

    @property
    def ahead(self) -> int:
        """How many offsets lie above the oldest unfinished export: what a kill would repeat at worst."""
        oldest = self.oldest
        return 0 if oldest is None or self._next is None else self._next - 1 - oldest

    @property
    def position(self) -> int | None:
        """The offset that may be committed: everything below it has ended; None before the first export."""
        oldest = self.oldest
        if oldest is not None or self._next is None:
            return oldest
        # A record that was seen vouches for what was inherited: where all that was fetched has ended, the last one.
        return self._next if self._left() is None else self._next - 1

    @property
    def due(self) -> Mark | None:
        """What may be committed if it is not committed yet."""
        position = self.position
        if position is None or self._committed == (position, self._ends):
            return None
        return Mark(position, self._finished(position), self._ends)

    def committed(self, mark: Mark) -> None:
        """Note that the broker took *mark*; a later one is never taken back by this."""
        taken = (mark.offset, mark.ends)
        self._committed = taken if self._committed is None else max(taken, self._committed)

    def _finished(self, position: int) -> Finished | None:
        """Return what has ended from *position* on, None if nothing has."""
        following, left = cast("int", self._next), self._left()
        if position >= following or (left is None and len(self._unfinished) == following - position):
            return None  # nothing is out of order
        bits = bytes(all_but(position, following, self._unfinished))
        if left is not None:
            bits = joined(bits, position, left, following)
        return Finished(position, self._unfinished.get(position, self._last_timestamp), bits)

    def _left(self) -> Finished | None:
        """Return what was inherited as long as it says something of what is not fetched yet."""
        if self.inherited is not None and self._next is not None and self.inherited.top < self._next:
            self.inherited = None
        return self.inherited
