"""What switches off delivery's measures."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from streams.delivery.dead_letters import DeadLetters, NotParkedError
from streams.delivery.dispatch import Dispatch
from streams.delivery.serving import Serving
from streams.delivery.tenure import Tenure
from streams.delivery.windows import Mark, Window
from streams.destinations import Destination
from tests.faults.hooks.replacing import replaced


def commit_in_flight() -> None:
    """Commit what was fetched, whether or not it has ended."""
    replaced(Window, "position", property(lambda self: self._next))


def no_bitmap() -> None:
    """Commit offsets alone."""
    replaced(Mark, "metadata", property(lambda _: ""))


def keep_rendered() -> None:
    """Post what was rendered by a version of the document that told more."""

    def init(self: Any, *given: Any, **named: Any) -> None:
        stock(self, *given, **named)
        self._min_version = 0

    stock = replaced(Serving, "__init__", init)


def post_forbidden() -> None:
    """Go on posting to a destination that policies forbid; nothing more is exported to it."""
    replaced(Destination, "is_held", property(lambda self: self.pause is not None))


def park_unconfirmed() -> None:
    """End an export as dead letter without waiting for the broker."""
    writing: set[asyncio.Future[None]] = set()

    async def quietly(*given: Any, **named: Any) -> None:
        with suppress(NotParkedError):
            await stock(*given, **named)

    async def park(*given: Any, **named: Any) -> None:
        writing.add(asyncio.ensure_future(quietly(*given, **named)))

    stock = replaced(DeadLetters, "park", park)


def no_drain() -> None:
    """Break off the open requests when partitions go."""

    async def drain(self: Any, seconds: float) -> None:
        await stock(self, 0.0)

    stock = replaced(Dispatch, "drain", drain)


def no_last_commit() -> None:
    """Let partitions go without a commit of what has ended."""

    async def release(self: Any) -> None:
        self._commit = _nothing
        try:
            await stock(self)
        finally:
            del self._commit

    stock = replaced(Tenure, "release", release)


async def _nothing(_: Any) -> None:
    """Commit nothing."""
