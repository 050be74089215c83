"""What is done before partitions go, at a revoke and at a stop: finish in a bounded time, then commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

log = logging.getLogger(__name__)

Callback = Callable[[], Awaitable[None]]


class Release:
    """The callbacks of a release, run together and given *drain* seconds in all."""

    def __init__(self, drain: float) -> None:
        self._drain = drain
        self._callbacks: list[Callback] = []

    def add(self, callback: Callback) -> None:
        """Register a callback; it is cancelled when the time is up."""
        self._callbacks.append(callback)

    async def run(self, commit: Callable[[], Awaitable[bool]]) -> None:
        """Run every callback, then *commit*; what fails or takes too long is told, and repeated by the next owner."""
        await self._bounded("finishing", asyncio.gather(*(self._call(callback) for callback in self._callbacks)))
        await self._bounded("committing", asyncio.ensure_future(commit()))

    async def _call(self, callback: Callback) -> None:
        try:
            await callback()
        except Exception:
            log.exception("a callback failed while partitions were released")

    async def _bounded(self, what: str, work: asyncio.Future[Any]) -> None:
        try:
            await asyncio.wait_for(work, self._drain)
        except TimeoutError:
            log.warning("%s took more than %.1f s: what is left will be repeated by the next owner", what, self._drain)
