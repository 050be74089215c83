"""Which forgotten profiles wait to be removed, and which of them may be now. Pure.

A record that is read again after a removal would begin a new life. Which records a profile has met is not all written
in its slots: some were older than a slot, some slots were taken over by records of another topic. But what was taken
under this assignment is known, and what was taken under those before stands below the ends that the inputs had when
this one began. So a profile may go when all inputs of its partition are committed up to there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from streams.exports import log_name

LOOKED_AT = 2_000
"""At most so many are looked at in a turn, from the one on that has not been for longest."""

_NOTHING: Mapping[str, int] = {}

Offset = Callable[[str, int], int | None]
"""Of a topic's partition; None while it is unknown."""


class Removals:
    """The keys of forgotten profiles, per partition, and what must be committed before they go.

    *committed* tells below which offset nothing is read again, *ended* where a partition ended when it was assigned.
    A topic that is none of *inputs* any more is read by nobody, nor is what stood in a partition before it began again,
    as *remakings* counts.
    """

    def __init__(
        self,
        committed: Offset,
        ended: Offset,
        inputs: Collection[str],
        remakings: Callable[[str, int], int] = lambda *_: 0,
    ) -> None:
        self._committed, self._ended, self._inputs = committed, ended, tuple(inputs)
        self._remakings = remakings
        self._taken: dict[str, dict[int, int]] = defaultdict(dict)
        self._waiting: dict[tuple[int, bytes], Mapping[str, int]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def taken(self, topic: str) -> dict[int, int]:
        """Return where to note, by partition, the offset of each record of *topic* that is taken."""
        return self._taken[topic]

    def found(self, partition: int, keys: Iterable[bytes]) -> None:
        """Note profiles that were forgotten before this assignment; those that met a record since are noted already."""
        for key in keys:
            self._waiting.setdefault((partition, key), {})

    def note(self, partition: int, key: bytes) -> None:
        """Note a forgotten profile that has met a record just now."""
        met = {topic: taken[partition] for topic, taken in self._taken.items() if partition in taken}
        self._waiting[partition, key] = met

    def done(self, partition: int, key: bytes) -> None:
        """Strike a profile off."""
        self._waiting.pop((partition, key), None)

    def clear(self) -> None:
        """Forget everything: the assignment is over."""
        self._waiting.clear()
        for taken in self._taken.values():
            taken.clear()

    def due(self) -> Iterator[tuple[int, bytes]]:
        """Yield those of the next few that may go."""
        for place in list(self._next_few()):
            met = self._waiting.pop(place)
            self._waiting[place] = met  # it is the last to be looked at again
            if self.is_past(place[0], met):
                yield place

    def is_past(self, partition: int, met: Mapping[str, int] = _NOTHING) -> bool:
        """Whether no record can be read again that was there when the partition was assigned, or that was *met*."""
        for topic in self._inputs:
            end = self._ended(topic, partition)
            if end is None or not self._is_committed(topic, partition, max(end - 1, met.get(topic, -1))):
                return False
        return True

    def are_committed(self, partition: int, offsets: Mapping[str, int]) -> bool:
        """Whether none of the records at *offsets*, by log, can be read again."""
        read = {log_name(topic, self._remakings(topic, partition)): topic for topic in self._inputs}
        return all(self._is_committed(read[log], partition, at) for log, at in offsets.items() if log in read)

    def _is_committed(self, topic: str, partition: int, offset: int) -> bool:
        committed = self._committed(topic, partition)
        return committed is not None and offset < committed

    def _next_few(self) -> Iterator[tuple[int, bytes]]:
        return (place for place, _ in zip(self._waiting, range(LOOKED_AT), strict=False))
