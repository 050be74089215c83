"""The state of one partition: profile bytes by key, with the changelog offset up to which they are complete.

What a store must do, and the one in memory; ``rocks`` has the one in a directory. Rows and offset are written at once,
so what is found after a crash is the changelog up to that offset, no more and no less.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Protocol

Rows = Iterable[tuple[bytes, bytes | None]]
CheckValue = Callable[[bytes], None]
Marks = Callable[[bytes], bool]


class State(Protocol):
    """What a table needs of a partition's store."""

    @property
    def offset(self) -> int | None:
        """The last changelog offset that is applied."""

    @property
    def used(self) -> float:
        """The last time, in seconds since 1970, at which the state is known to have lacked nothing."""

    @property
    def marked(self) -> Collection[bytes]:
        """The keys whose values are marked."""

    def get(self, key: bytes) -> bytes | None:
        """Return a value."""

    def all_keys(self) -> Iterable[bytes]:
        """Return all keys."""

    def walk(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield each key and value; it may take its time: what is written meanwhile may be missing, or old."""

    def apply(self, rows: Rows, offset: int, *, ours: bool = False) -> None:
        """Write rows (None removes) and *offset* at once; *ours* when this release encoded them."""

    def touch(self, now: float) -> None:
        """Note that the state lacked nothing at *now*."""

    def close(self) -> None:
        """Close; nothing may be called afterwards."""


class MemoryState:
    """A dictionary; every start recovers all of it."""

    def __init__(self, marks: Marks | None = None, now: float = 0.0) -> None:
        self.offset: int | None = None
        self.used = now
        self.marked: set[bytes] = set()
        self._marks = marks
        self._values: dict[bytes, bytes] = {}
        self.get = self._values.get

    def all_keys(self) -> Iterable[bytes]:
        """Return all keys."""
        return self._values.keys()

    def walk(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield each key that is there now, with its value when its turn comes."""
        for key in list(self._values):
            if (value := self._values.get(key)) is not None:
                yield key, value

    def apply(self, rows: Rows, offset: int, *, ours: bool = False) -> None:
        """Write rows and offset."""
        values, marks, marked = self._values, self._marks, self.marked
        for key, value in rows:
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
            if marks is not None:
                (marked.add if value is not None and marks(value) else marked.discard)(key)
        self.offset = offset

    def touch(self, now: float) -> None:
        """Note that the state lacked nothing at *now*."""
        self.used = now

    def close(self) -> None:
        """Forget everything."""
        self._values.clear()
