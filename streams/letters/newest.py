"""The newest of many dead letters, in the order in which they were written."""

from __future__ import annotations

import heapq

from streams.letters.letter import DeadLetter, Place


class Newest:
    """At most so many are held, without what is large; all are counted."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[int, Place, DeadLetter]] = []
        self.count = 0

    def add(self, letter: DeadLetter) -> None:
        """Keep a letter, in place of the oldest if there are too many."""
        self.count += 1
        entry = (letter.written_at, letter.place, letter.without_bytes())
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def in_order(self) -> list[DeadLetter]:
        """Return those that are kept, the newest last."""
        return [letter for *_, letter in sorted(self._heap, key=lambda entry: entry[:2])]
