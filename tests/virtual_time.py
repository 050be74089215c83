"""An event loop whose clock is set forward instead of being waited for, so that hours take no time at all."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Forward(selectors.DefaultSelector):
    """Waits for nothing: what would be waited for is added to *seconds*."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise AssertionError("nothing will ever happen: everything waits, and no timer is set")
        if not (events := super().select(0)):
            self.seconds += max(0.0, timeout)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its ``time()`` begins at 1 000 and goes on to the next timer whenever nothing is ready."""

    def __init__(self) -> None:
        self._forward = _Forward()
        super().__init__(self._forward)

    def time(self) -> float:
        return 1_000.0 + self._forward.seconds


def in_virtual_time(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* to its end; an AssertionError if it waits for what never comes."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
