"""What a worker holds of a destination: the exports that are fetched and not ended, within their bounds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from aiokafka import TopicPartition

from streams.delivery.pending import Pending, Record, read_export
from streams.delivery.tools import Tools
from streams.delivery.windows import Window

log = logging.getLogger(__name__)

MAX_FETCH = 500
"""Records per fetch: more would only delay the first of them."""
SETTLING_SECONDS = 0.1


class Backlog:
    """The windows of the assigned partitions, and the count and bytes of what is in them."""

    def __init__(self, tools: Tools, windows: Mapping[TopicPartition, Window]) -> None:
        self._tools, self._bounds = tools, tools.destination.delivery
        self.windows = dict(windows)
        self.pending = self.pending_bytes = 0
        self._room, self._is_awaited = asyncio.Event(), False
        # A fetch is worth its cost when there is room for many records.
        self._high = self._bounds.max_pending - min(MAX_FETCH, self._bounds.max_pending // 2)

    @property
    def full(self) -> bool:
        """Whether nothing more may be fetched for now."""
        return self.full_by_itself or self._tools.shared.full_for(self.pending_bytes)

    @property
    def full_by_itself(self) -> bool:
        """Whether that is so whatever the other destinations of the process hold."""
        return self.pending > self._high or self.pending_bytes >= self._bounds.max_pending_bytes

    @property
    def ahead(self) -> set[TopicPartition]:
        """The partitions that may not be fetched until their oldest unfinished export has ended."""
        return {tp for tp, window in self.windows.items() if self.is_ahead(window)}

    def is_ahead(self, window: Window) -> bool:
        """Whether so much has been fetched above a window's oldest unfinished export that it has to end first."""
        return window.ahead >= self._bounds.max_ahead

    def has_room_without(self, count: int, size: int) -> bool:
        """Whether there would be room if *count* exports of together *size* bytes had ended."""
        return self.pending - count <= self._high and self.pending_bytes - size < self._bounds.max_pending_bytes

    @property
    def is_due(self) -> bool:
        """Whether there is something to commit."""
        return any(window.due is not None for window in self.windows.values())

    @property
    def oldest_timestamp(self) -> int | None:
        """The record timestamp of the oldest unfinished export, in milliseconds."""
        oldest = (window.oldest_timestamp for window in self.windows.values())
        return min((timestamp for timestamp in oldest if timestamp is not None), default=None)

    @property
    def next_fetch(self) -> int:
        """How many records the next fetch may take."""
        return min(MAX_FETCH, max(1, self._bounds.max_pending - self.pending))

    async def room(self, seconds: float) -> None:
        """Return when there is room, at the latest after *seconds*."""
        self._room.clear()
        self._is_awaited = True
        with suppress(TimeoutError):
            await asyncio.wait_for(self._room.wait(), seconds)
        self._is_awaited = False

    async def settled(self, partition: TopicPartition, seconds: float) -> None:
        """Return when nothing of *partition* is under way, at the latest after *seconds*."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(self.windows[partition]):  # noqa: ASYNC110 - of ends there are many, one waits
                    await asyncio.sleep(SETTLING_SECONDS)

    def fetched(self, partition: TopicPartition, records: Sequence[Record], put: Callable[[Pending], None]) -> None:
        """Put each record of an assigned partition that is not here yet and has not ended, in the order of offsets."""
        window, now = self.windows[partition], self._tools.now()
        arrived = [
            Pending(record, window, now)
            for record in records
            if not (window.inherited is not None and self._skipped(window, record))
            and window.fetched(record.offset, record.timestamp)
        ]
        count = len(arrived)
        self.pending += count
        self._add_bytes(sum([pending.size for pending in arrived]))
        self._tools.books.fetched += count
        self._tools.telemetry.fetched(count)
        for pending in arrived:
            put(pending)

    def _skipped(self, window: Window, record: Record) -> bool:
        """Pass over a record that had ended before the partition came here."""
        if window.skipped(record.offset, record.timestamp):
            self._tools.books.skipped += 1
            if (export := read_export(record)) is not None:
                # Perhaps it was delivered, and so no older export of its profile may follow it: a replay stands above.
                self._tools.revisions.skipped(export.key, export.meta.revision)
            return True
        if window.mistrusted:
            window.mistrusted = False
            log.warning("%s: what the commit said had ended is not of these records", self._tools.destination.name)
        return False

    def ended(self, pending: Pending) -> None:
        """Let an export go: it ended."""
        pending.window.finished(pending.record.offset)
        self.pending -= 1
        self._add_bytes(-pending.size)
        self._tools.books.ended += 1
        if self._is_awaited and not self.full:
            self._room.set()

    def hand_over(self) -> None:
        """Let all that has not ended go: whoever is assigned the partitions next will fetch it."""
        self._tools.books.handed_over += self.pending
        self._add_bytes(-self.pending_bytes)
        self.pending = 0

    def _add_bytes(self, size: int) -> None:
        self.pending_bytes += size
        self._tools.shared.pending_bytes += size
