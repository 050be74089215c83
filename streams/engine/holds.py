"""Partitions that are ours and must not be read for now, each with what keeps it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from streams.groups.gaps import Partition


class Why(StrEnum):
    """What keeps a partition."""

    GATE = "gate"
    """The first inputs come before it."""
    GAP = "gap"
    """An operator has to accept what is missing."""


class Holds:
    """A partition is held as long as anything keeps it."""

    def __init__(self) -> None:
        self._held: dict[Partition, frozenset[Why]] = {}

    def __contains__(self, partition: object) -> bool:
        return partition in self._held

    @property
    def all(self) -> Mapping[Partition, Collection[Why]]:
        """What keeps each partition that is held."""
        return self._held

    def any(self, why: Why) -> bool:
        """Whether something is held for this."""
        return any(why in each for each in self._held.values())

    def hold(self, partitions: Iterable[Partition], why: Why) -> list[Partition]:
        """Keep *partitions*; return those that were not held before."""
        fresh = []
        for partition in partitions:
            before = self._held.get(partition)
            if before is None:
                fresh.append(partition)
            self._held[partition] = (before or frozenset()) | {why}
        return fresh

    def let_go(self, partitions: Iterable[Partition], why: Why) -> list[Partition]:
        """Keep *partitions* no more for this; return those that nothing else keeps."""
        freed = []
        for partition in partitions:
            left = self._held.get(partition, frozenset()) - {why}
            if left:
                self._held[partition] = left
            elif self._held.pop(partition, None) is not None:
                freed.append(partition)
        return freed

    def clear(self) -> None:
        """Forget everything: what it was about is not ours any more."""
        self._held.clear()
