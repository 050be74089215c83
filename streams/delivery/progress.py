"""For how long a record has failed by its own trouble: the clock by which it exhausts.

It runs while the destination is known to take exports: a record that fails while the others are delivered is the
record's trouble, and its time runs out. While nothing is delivered it may be the destination's trouble, and then no
record must be given up for it. It runs, too, for a record that holds up everything behind it, since nothing else could
be delivered (design law 4.5).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

RUNS_AFTER_DELIVERY_SECONDS = 30.0
"""How long one delivered export proves that the destination takes exports."""


class Holder(Protocol):
    """A record that holds up everything behind it."""

    held: float


class Progress:
    """Counts the seconds during which a destination took exports; *now* never runs backwards."""

    __slots__ = ("_at", "_elapsed", "_holders", "_is_doubted", "_looked_at", "_looked_elapsed", "_until")

    def __init__(self) -> None:
        self._elapsed = self._at = 0.0
        self._until = float("-inf")
        self._is_doubted = False
        self._holders: list[Holder] = []
        self._looked_at = self._looked_elapsed = 0.0

    def elapsed(self, now: float) -> float:
        """Return for how many seconds the clock has run until *now*."""
        if not self._is_doubted:
            self._count(now)
        return self._elapsed

    def delivered(self, now: float) -> None:
        """Note that an export was delivered; what was doubted until now is counted."""
        self._count(now)
        self._is_doubted = False
        self._until = now + RUNS_AFTER_DELIVERY_SECONDS

    def doubted(self, now: float) -> None:
        """Let the clock stand until the next delivery, which tells: perhaps the destination takes nothing since."""
        self.elapsed(now)
        self._is_doubted = True

    def held_up(self, now: float, by: Iterable[Holder]) -> None:
        """Note which records hold up everything behind them: for each, the clock runs until the next call.

        What the clock has run for all is not counted twice.
        """
        own = now - self._looked_at - (self.elapsed(now) - self._looked_elapsed)
        for holder in self._holders:
            holder.held += max(0.0, own)
        self._looked_at, self._looked_elapsed = now, self._elapsed
        self._holders = list(by)

    def stopped(self, now: float) -> None:
        """Note that nothing may be sent at all; the clock stands until an export is delivered again."""
        self.held_up(now, ())
        self._at, self._until = max(self._at, now), float("-inf")
        self._is_doubted = False

    def _count(self, now: float) -> None:
        self._elapsed += max(0.0, min(now, self._until) - self._at)
        self._at = now
