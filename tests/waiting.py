"""Wait for a condition with a deadline, instead of for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

_PAUSE_SECONDS = 0.02


async def until(
    condition: Callable[[], bool] | Callable[[], Awaitable[bool]], seconds: float = 10.0, what: str = "the condition"
) -> None:
    """Return as soon as *condition* holds; TimeoutError that names *what* after *seconds*."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer if isinstance(answer, bool) else await answer:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not hold within {seconds} s")
        await asyncio.sleep(_PAUSE_SECONDS)
