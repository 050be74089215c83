"""Walks the table of a worker, a few profiles in each turn, to count what is known of them.

Nothing of the store is held open between two turns, and most of the time the loop is left to the records. What is not
yet confirmed is not counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Protocol

import msgspec
import structlog

from streams.activation.tallies import Seen, Tally, together
from streams.crashes import told

AT_ONCE = 100
"""Profiles that are looked at in one turn."""
REST = 3.0
"""How much longer than a turn took the next one is waited for."""
FRESH_SECONDS = 30.0
"""How old a count may be that is told again."""


class Walked(Protocol):
    """The profiles on disk."""

    def walk(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield each key with its encoded state; KeyError if the partition is not ours."""


class Counted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How far a worker has counted its *partitions*; *seen* when it is done, as of *at* (milliseconds)."""

    partitions: tuple[int, ...]
    profiles: int
    """Looked at so far."""
    seen: Seen | None = None
    at: int | None = None


class Catalogue:
    """Counts the profiles of those *partitions* that are ours, whenever somebody asks; *now* is in seconds."""

    def __init__(
        self,
        table: Walked,
        partitions: Callable[[], Collection[int]],
        now: Callable[[], float],
        elapsed: Callable[[], float],
    ) -> None:
        self._table, self._partitions, self._now, self._elapsed = table, partitions, now, elapsed
        self._walk: asyncio.Task[None] | None = None
        self._counted = Counted(partitions=(), profiles=0)

    def look(self) -> Counted:
        """Return what was counted, if that is fresh; else how far the count is, which begins if need be."""
        ours = tuple(sorted(self._partitions()))
        if self._walk is not None and not self._walk.done():
            return self._counted
        if self._counted.partitions != ours or not self._is_fresh():
            self._counted = Counted(partitions=ours, profiles=0)
            self._walk = asyncio.get_running_loop().create_task(self._count(ours))
        return self._counted

    def _is_fresh(self) -> bool:
        at = self._counted.at
        return at is not None and self._now() - at / 1_000 <= FRESH_SECONDS

    async def stop(self) -> None:
        """End a count that is under way."""
        if self._walk is not None:
            self._walk.cancel()
            await asyncio.wait([self._walk])

    async def _count(self, partitions: tuple[int, ...]) -> None:
        """Count all of *partitions*; given up when one goes to another worker, or its store fails."""
        try:
            seen = together([await self._tallied(partition) for partition in partitions])
        except KeyError:
            self._counted = Counted(partitions=(), profiles=0)
        except Exception as error:
            structlog.get_logger().error("catalogue.failed", **told(error))
            self._counted = Counted(partitions=(), profiles=0)
        else:
            at = int(self._now() * 1_000)
            self._counted = Counted(partitions=partitions, profiles=self._counted.profiles, seen=seen, at=at)

    async def _tallied(self, partition: int) -> Seen:
        tally, states = Tally(), self._table.walk(partition)
        while True:
            began = self._elapsed()
            if partition not in self._partitions():
                raise KeyError(partition)
            rows = list(islice(states, AT_ONCE))
            for key, state in rows:
                tally.see(key, state)
            before = self._counted
            self._counted = Counted(partitions=before.partitions, profiles=before.profiles + len(rows))
            if len(rows) < AT_ONCE:
                return tally.seen()
            await asyncio.sleep(REST * (self._elapsed() - began))
