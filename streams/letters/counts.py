"""Counts dead letters by reason and destination, with the times of the first and the last of each."""

from __future__ import annotations

from dataclasses import dataclass

from streams.letters.letter import DeadLetter


@dataclass(slots=True)
class Count:
    """How many there are, and when the oldest and the newest were written, in milliseconds since 1970."""

    count: int
    first: int
    last: int


class Counts:
    """By reason and destination; each is None where a letter does not say it."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str | None, str | None], Count] = {}

    def add(self, letter: DeadLetter) -> None:
        """Count one."""
        found = self._counts.get((letter.reason, letter.destination))
        if found is None:
            self._counts[letter.reason, letter.destination] = Count(1, letter.written_at, letter.written_at)
            return
        found.count += 1
        found.first, found.last = min(found.first, letter.written_at), max(found.last, letter.written_at)

    def most_first(self) -> list[tuple[str | None, str | None, Count]]:
        """Return reason, destination and count; the most numerous first."""
        rows = [(reason, destination, count) for (reason, destination), count in self._counts.items()]
        return sorted(rows, key=lambda row: (-row[2].count, row[0] or "", row[1] or ""))
