"""When one more request may be begun, so that no more go out than a rate allows. Pure: the clock is an argument.

Requests are spread evenly: each takes an interval of ``1 / rate`` seconds, one behind the other. A few may go ahead of
theirs, or a loop that was late could never make up for it: `ALLOWANCE_SECONDS` of requests, but always one. So of any
stretch of *t* seconds it is true that at most ``rate * t + max(1, rate * ALLOWANCE_SECONDS)`` were begun in it.
"""

from __future__ import annotations

ALLOWANCE_SECONDS = 0.05
UNLIMITED = 1 << 31
PRECISION_SECONDS = 1e-6
"""A timer may come that much too early; who is sent away for that comes back at once, again and again."""


class Rate:
    """Of one destination in one process, without a limit at first; *now*, in seconds, never runs backwards."""

    __slots__ = ("_ahead", "_free", "_interval")

    def __init__(self) -> None:
        self._interval = self._ahead = 0.0
        self._free = float("-inf")
        """When the interval of the next request begins."""

    @property
    def is_limited(self) -> bool:
        """Whether not any number is allowed."""
        return self._interval > 0

    def limit(self, per_second: float | None, now: float) -> None:
        """Allow so many from now on, None for any number; those that were begun count on, however long they take."""
        interval = 0.0 if per_second is None else 1 / per_second
        if self._interval and self._free > now:
            self._free = now + (self._free - now) * interval / self._interval
        self._interval, self._ahead = interval, max(0.0, ALLOWANCE_SECONDS - interval) + PRECISION_SECONDS

    def count(self, now: float) -> int:
        """Return how many requests may be begun at once."""
        room = self._room(now)
        if not self._interval:
            return UNLIMITED
        return int(room / self._interval) + 1 if room >= 0 else 0

    def take(self, now: float) -> float:
        """Begin a request and return 0; else return after how many seconds to ask again.

        Where the allowance is more than one, that is when some may be begun, so that not each of many is waited for.
        """
        if not self._interval:
            return 0.0
        if (room := self._room(now)) < 0:
            return self._ahead / 4 - room
        self._count_one(now)
        return 0.0

    def book(self, now: float) -> float:
        """Count a request as begun, and return after how many seconds it may be."""
        if not self._interval:
            return 0.0
        room = self._room(now)
        self._count_one(now)
        return max(0.0, -room)

    def _room(self, now: float) -> float:
        """Return for how many seconds the next request could go even more ahead of its interval."""
        return now + self._ahead - max(self._free, now)

    def _count_one(self, now: float) -> None:
        self._free = max(self._free, now) + self._interval
