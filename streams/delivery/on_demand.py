"""A producer that is made when the first record needs it, and another one once it has failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Generic, Protocol, TypeVar


class Startable(Protocol):
    """What is asked of a producer here."""

    def start(self) -> Awaitable[None]:
        """Connect."""


P = TypeVar("P", bound=Startable)


class NotWrittenError(Exception):
    """A record is not confirmed; it may or may not be in its topic, and is to be written again."""


class OnDemand(Generic[P]):
    """The one producer of those who share this; *end* ends one so that what it has not written is never written."""

    def __init__(self, new_producer: Callable[[], P], end: Callable[[P], Coroutine[None, None, None]]) -> None:
        self._new_producer, self._end = new_producer, end
        self._producer: P | None = None
        self._lock = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    async def started(self) -> P:
        """Return the producer, connected; raises what its start raises."""
        async with self._lock:
            if self._producer is None:
                producer = self._new_producer()
                try:
                    await producer.start()
                except BaseException:
                    await self._ended(producer)
                    raise
                self._producer = producer
            return self._producer

    async def discard(self, producer: P) -> None:
        """Forget a producer: after a refused batch an idempotent one may wait for a number that never comes."""
        if producer is self._producer:
            self._producer = None
            await self._ended(producer)

    async def close(self) -> None:
        """End the producer, if there is one, and those that are ending."""
        if self._producer is not None:
            await self.discard(self._producer)
        if self._ending:
            await asyncio.wait(self._ending)

    async def _ended(self, producer: P) -> None:
        """End a producer, to the end although the caller is cancelled."""
        ending = asyncio.create_task(self._end(producer))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.wait([ending])
