"""Wait for a condition with a deadline, instead of for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

_PAUSE_SECONDS = 0.02
_LEAST_SECONDS = 90.0
"""What a condition that is to hold is given at least: a deadline ends what hangs, and a busy machine only is slow."""
_BRIEF_SECONDS = 5.0
"""A deadline below it is for what is expected not to hold."""


async def until(
    condition: Callable[[], bool] | Callable[[], Awaitable[bool]], seconds: float = 10.0, what: str = "the condition"
) -> None:
    """Return as soon as *condition* holds; TimeoutError that names *what* after *seconds*, or 90 if that is longer."""
    seconds = seconds if seconds < _BRIEF_SECONDS else max(seconds, _LEAST_SECONDS)
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer if isinstance(answer, bool) else await answer:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not hold within {seconds} s")
        await asyncio.sleep(_PAUSE_SECONDS)
