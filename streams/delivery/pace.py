"""How many requests a destination is sent at a time, now: all it may have, one as a probe, or none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Pace:
    """The limit of one dispatch; *raised* is called when it goes up again."""

    def __init__(self, full: int, raised: Callable[[], None]) -> None:
        self.limit = self._full = full
        self.at_fault = False
        self._raised = raised
        self._loop = asyncio.get_running_loop()
        self._held: asyncio.TimerHandle | None = None

    def hold(self, seconds: float) -> None:
        """Begin no request for some seconds: what an endpoint asks for concerns all that is sent to it."""
        until = self._loop.time() + seconds
        if self._held is not None:
            until = max(until, self._held.when())
            self._held.cancel()
        self._held = self._loop.call_at(until, self._unhold)
        self.limit = 0

    def fault(self) -> None:
        """Probe with one request at a time until ``recover``: no request would be taken now."""
        self.at_fault = True
        self.limit = min(self.limit, 1)

    def recover(self) -> None:
        """Let all requests go again: one was taken."""
        self.at_fault = False
        if self._held is None:
            self._raise()

    def close(self) -> None:
        """Begin no request any more."""
        self.limit = self._full = 0
        if self._held is not None:
            self._held.cancel()

    def _unhold(self) -> None:
        self._held = None
        self._raise()

    def _raise(self) -> None:
        self.limit = min(1, self._full) if self.at_fault else self._full
        self._raised()
