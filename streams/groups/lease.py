"""How long a group's partitions are surely ours: the broker gives them away when it has not heard of us for a session.

The broker's clock for a member starts anew when a heartbeat arrives; we know only when we sent one, and that it was
answered. So from the moment the last answered heartbeat was *sent*, the partitions are ours for a session's time, less
a part for what is already on its way (design law 4.7).
"""

from __future__ import annotations

from collections.abc import Callable

SHARE_OF_SESSION = 0.8
"""What of a session the lease lasts; the rest is for a request that is written in its last moment."""


class LapsedError(Exception):
    """The lease is over: another worker may own what was ours, so nothing may be written for it."""


class Lease:
    """One member's lease; *now* must count the time in which the process, or the machine, is suspended."""

    __slots__ = ("_now", "_seconds", "_until")

    def __init__(self, session_timeout_seconds: float, now: Callable[[], float]) -> None:
        self._seconds, self._now = session_timeout_seconds * SHARE_OF_SESSION, now
        self._until = float("-inf")

    def renewed(self, sent_at: float) -> None:
        """Note that the group's coordinator answered what was sent at *sent_at*, by the lease's clock."""
        self._until = max(self._until, sent_at + self._seconds)

    def ended(self) -> None:
        """Note that we are no member any more."""
        self._until = float("-inf")

    @property
    def left(self) -> float:
        """Seconds until the lease lapses; not positive when it has, or was never had."""
        return self._until - self._now()

    @property
    def held(self) -> bool:
        """Whether something may be written now."""
        return self.left > 0

    def check(self) -> None:
        """Raise LapsedError unless the lease is held."""
        if self._until <= self._now():
            raise LapsedError("the lease has lapsed: the group may have given the partitions away")
