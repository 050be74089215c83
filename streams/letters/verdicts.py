"""What becomes of the dead letters of a replay, counted by destination, reason and verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from streams.letters.replayable import Choice, Hindrance, Kind

REPLAYABLE, WRITTEN, ASKED = "replayable", "written", "asked"
"""What is said where nothing hinders: it would be replayed; its export is on its topic again; no answer came yet."""


class Line(NamedTuple):
    """How many letters have the same verdict."""

    destination: str | None
    reason: str | None
    verdict: str
    letters: int


class Verdicts:
    """Of all partitions together."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Kind, str]] = Counter()
        self.narrowed: Counter[str] = Counter()
        """As of `Choice`."""
        self.incarnations: set[str] = set()
        """The destinations that something is, or would be, replayed to."""

    def chosen(self, choice: Choice) -> None:
        """Count what cannot be replayed, and note where the others go."""
        self.incarnations |= choice.incarnations
        self._counts.update({(kind, why.value): count for (kind, why), count in choice.hindered.items()})
        self.narrowed.update(choice.narrowed)

    def replayable(self, choice: Choice) -> None:
        """Count what would be replayed."""
        self._counts.update({(kind, REPLAYABLE): count for kind, count in choice.replayable.items()})

    def answered(self, asked: Mapping[str, Kind], written: Collection[str], *, is_taken: bool) -> None:
        """Count what became of the exports that were *asked* for, by id."""
        for id_, kind in asked.items():
            unwritten = Hindrance.OVERTAKEN.value if is_taken else ASKED
            self._counts[kind, WRITTEN if id_ in written else unwritten] += 1

    def total(self, verdict: str) -> int:
        """Return how many have a verdict."""
        return sum(count for (_, each), count in self._counts.items() if each == verdict)

    def lines(self) -> list[Line]:
        """Return the counts, what is replayed first."""
        lines = [Line(*kind, verdict, count) for (kind, verdict), count in self._counts.items()]
        return sorted(lines, key=_rank)

    def hindrances(self) -> Iterable[Hindrance]:
        """Return each that some letter has, in the order of the list."""
        return [each for each in Hindrance if self.total(each)]


def _rank(line: Line) -> tuple[bool, str, int, str, str]:
    is_hindered = line.verdict not in {REPLAYABLE, WRITTEN, ASKED}
    return is_hindered, line.destination or "", -line.letters, line.reason or "", line.verdict
