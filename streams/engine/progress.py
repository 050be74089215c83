"""How far a recovery is, to be read from anywhere while it runs in its own thread."""

from __future__ import annotations

from collections.abc import Callable, Collection
from time import monotonic


class RecoveryProgress:
    """Of one recovery: plain numbers, each written by one thread."""

    def __init__(self, partitions: Collection[int], now: Callable[[], float] = monotonic) -> None:
        self.partitions = len(partitions)
        """How many partitions there are to load."""
        self.loaded = 0
        """How many changelog records were read."""
        self._now, self._began = now, now()
        self._ended: float | None = None
        self._done: set[int] = set()
        self._remaining = dict.fromkeys(partitions, 0)  # only values change: it may be read at any time

    @property
    def done(self) -> int:
        """How many partitions are complete."""
        return len(self._done)

    @property
    def remaining(self) -> int:
        """How many changelog offsets are still to be read; fewer records, where compaction has dropped some."""
        return sum(self._remaining.values())

    @property
    def seconds(self) -> float:
        """How long it has taken, or took."""
        return (self._now() if self._ended is None else self._ended) - self._began

    @property
    def rate(self) -> float:
        """Records per second."""
        return self.loaded / self.seconds if self.seconds > 0 else 0.0

    @property
    def ended(self) -> bool:
        """Whether everything is loaded."""
        return self._ended is not None

    def ahead(self, partition: int, offsets: int) -> None:
        """Note how much of a partition is still to be read."""
        self._remaining[partition] = offsets

    def complete(self, partition: int) -> None:
        """Note that a partition is complete."""
        self._remaining[partition] = 0
        self._done.add(partition)

    def end(self) -> None:
        """Note that everything is loaded."""
        self._ended = self._now()
