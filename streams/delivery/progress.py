"""When a destination's exhaustion clock runs: only while the destination is known to take exports.

A record that fails while the others are delivered is the record's trouble, and its time runs out; while nothing is
delivered it may be the destination's trouble, and then no record must be given up for it (design law 4.5).
"""

from __future__ import annotations

RUNS_AFTER_DELIVERY_SECONDS = 30.0
"""How long one delivered export proves that the destination takes exports."""


class Progress:
    """Counts the seconds during which a destination took exports; *now* never runs backwards."""

    __slots__ = ("_at", "_blocked", "_elapsed", "_until")

    def __init__(self) -> None:
        self._elapsed = self._at = 0.0
        self._until = float("-inf")
        self._blocked = False

    def elapsed(self, now: float) -> float:
        """Return for how many seconds the clock has run until *now*."""
        end = now if self._blocked else min(now, self._until)
        self._elapsed += max(0.0, end - self._at)
        self._at = now
        return self._elapsed

    def delivered(self, now: float) -> None:
        """Note that an export was delivered."""
        self.elapsed(now)
        self._until = now + RUNS_AFTER_DELIVERY_SECONDS

    def blocked(self, now: float, *, is_blocked: bool) -> None:
        """Note whether a few records hold up everything behind them; then the clock runs though nothing is delivered.

        Otherwise a record that can never be delivered would stop its partition for ever, once all that may pass it
        has passed.
        """
        self.elapsed(now)
        self._blocked = is_blocked

    def stopped(self, now: float) -> None:
        """Note that nothing may be sent at all; the clock stands until an export is delivered again."""
        self.elapsed(now)
        self._until = min(self._until, now)
        self._blocked = False
