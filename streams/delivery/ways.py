"""The way to a destination's endpoint: kept over the changes that do not concern it, else opened anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

from streams.delivery.tools import Attempt
from streams.destinations import Destination

Reach = Callable[
    [Destination, Callable[[], float], Callable[[], Awaitable[None]]], AbstractAsyncContextManager[Attempt]
]
"""Opens the way to a destination's endpoint, and closes it when its delivery ends; the second argument says how many
seconds are left of the lease of what is posted, the third waits until what was begun may be sent once more."""


class Ways:
    """Of one member; *lease* and *admitted* go to what opens a way."""

    def __init__(self, reach: Reach, lease: Callable[[], float], admitted: Callable[[], Awaitable[None]]) -> None:
        self._reach, self._lease, self._admitted = reach, lease, admitted
        self._open: list[tuple[Destination, Attempt, AsyncExitStack]] = []

    async def to(self, destination: Destination) -> Attempt:
        """Return how *destination* is posted to; the ways before this one stay open. Raises what opening it raises."""
        if self._open and _same(self._open[-1][0], destination):
            return self._open[-1][1]
        stack = AsyncExitStack()
        attempt = await stack.enter_async_context(self._reach(destination, self._lease, self._admitted))
        self._open.append((destination, attempt, stack))
        return attempt

    async def close_former(self) -> None:
        """Close all ways but the last."""
        while len(self._open) > 1:
            await self._open.pop(0)[2].aclose()

    async def close(self) -> None:
        """Close all ways."""
        while self._open:
            await self._open.pop()[2].aclose()


def _same(one: Destination, other: Destination) -> bool:
    return _shape(one) == _shape(other)


def _shape(destination: Destination) -> tuple[Any, ...]:
    return destination.account, destination.headers, destination.delivery
