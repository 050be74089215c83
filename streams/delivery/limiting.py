"""The rate of a destination's requests, kept on the loop's clock; it outlives assignments, versions and connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from streams.delivery.rates import UNLIMITED, Rate


class Limiter:
    """Of one destination in one process; *told_held* hears for how many seconds requests were held by the rate."""

    def __init__(self, told_held: Callable[[float], None] = lambda _: None) -> None:
        self._rate, self._told_held = Rate(), told_held
        self._held_until = 0.0

    def limit(self, per_second: float | None) -> None:
        """Allow so many requests a second from now on, None for any number."""
        self._rate.limit(per_second, _now())

    @property
    def count(self) -> int:
        """How many requests may be begun at once."""
        return self._rate.count(_now()) if self._rate.is_limited else UNLIMITED

    def take(self) -> float:
        """Begin a request and return 0; else return after how many seconds to ask again."""
        if not self._rate.is_limited:
            return 0.0  # every request asks: where there is no rate, not even the clock is
        now = _now()
        if seconds := self._rate.take(now):
            self._tell(now, seconds)
        return seconds

    async def admitted(self) -> None:
        """Wait until one more request may be begun, for one that is under way and is to be sent again.

        It has its turn before any that asks later: within its time-out it would not often come to it otherwise.
        """
        now = _now()
        if seconds := self._rate.book(now):
            self._tell(now, seconds)
            await asyncio.sleep(seconds)

    def _tell(self, now: float, seconds: float) -> None:
        """Count each second once, however many requests wait in it."""
        until = now + seconds
        if (more := until - max(now, self._held_until)) > 0:
            self._held_until = until
            self._told_held(more)


def _now() -> float:
    return asyncio.get_running_loop().time()
