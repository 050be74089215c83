"""How long a request may take: its time-out, cut to what is left of the lease, as long as that is not renewed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Deadline:
    """A time-out of some *seconds* for what is awaited within it; *left* says what is left of the lease, if any.

    A request may take longer than a lease lasts from one renewal to the next: only where the lease has lapsed when it
    would, the time-out comes early. Connecting and fetching a token count, too.
    """

    __slots__ = ("_left", "_limit", "_loop", "_seconds", "_timer")

    def __init__(self, seconds: float, left: Callable[[], float] | None) -> None:
        self._seconds, self._left = seconds, left
        self._limit = asyncio.timeout(seconds)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        """Begin."""
        await self._limit.__aenter__()
        if self._left is not None and (left := self._left()) < self._seconds:
            self._timer = self._loop.call_later(max(0.0, left), self._look, self._left)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; TimeoutError where the time was over."""
        if self._timer is not None:
            self._timer.cancel()
        await self._limit.__aexit__(kind, error, trace)

    def _look(self, left: Callable[[], float]) -> None:
        if (seconds := left()) > 0:
            self._timer = self._loop.call_later(seconds, self._look, left)
        else:
            self._limit.reschedule(self._loop.time())
