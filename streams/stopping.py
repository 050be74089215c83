"""Ends a Kafka client in a bounded time, whatever its stop does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0
"""How long a client may take to end: with the broker away it would flush, or leave its group, for ever."""
CANCEL_SECONDS = 1.0


async def stopped(stopping: Awaitable[None], seconds: float = STOP_SECONDS) -> None:
    """Run *stopping* for at most *seconds*; what it raises is told in the log, and not raised.

    Not even a CancelledError of its own: aiokafka lets one out where the broker is away, and it would look as if the
    caller were cancelled. A cancellation of the caller is raised as ever.
    """
    task = asyncio.ensure_future(stopping)
    done, _ = await asyncio.wait([task], timeout=seconds)
    if not done:
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_SECONDS)
        log.warning("a Kafka client did not end within %.1f s and is given up", seconds)
    elif not task.cancelled() and (error := task.exception()) is not None:
        log.warning("a Kafka client ended with %s", type(error).__name__)
