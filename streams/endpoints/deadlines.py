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

    It is ``asyncio.timeout`` with one timer for both, at a fraction of the price: every attempt has one. Its rules for
    a task that is cancelled by somebody else, too, are the same.
    """

    __slots__ = ("_cancelling", "_ends", "_is_over", "_left", "_loop", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float, left: Callable[[], float] | None) -> None:
        self._seconds, self._left = seconds, left
        self._is_over = False

    def __enter__(self) -> Self:
        """Begin."""
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(self._loop)
        assert task is not None, "only a task can be told to stop"
        self._task, self._cancelling = task, task.cancelling()
        self._ends = self._loop.time() + self._seconds
        seconds = self._seconds if self._left is None else max(0.0, min(self._seconds, self._left()))
        self._timer = self._loop.call_later(seconds, self._look)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; TimeoutError where the time was over."""
        self._timer.cancel()
        if self._is_over and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _look(self) -> None:
        remaining = self._ends - self._loop.time()
        left = remaining if self._left is None else self._left()
        if remaining > 0 and left > 0:
            self._timer = self._loop.call_later(min(remaining, left), self._look)
        else:
            self._is_over = True
            self._task.cancel()
