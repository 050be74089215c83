"""Loads a changelog partition into its state, from where the state ends to where the changelog ended at the start.

Faust's own recovery costs about twenty times as much a record, and waits for ever when the changelog ends with a
transaction marker, because it counts records where it should look at positions.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from time import time
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.brokers import Brokers
from streams.engine.progress import RecoveryProgress
from streams.engine.states import CheckValue, State
from streams.engine.trust import DistrustedError, Doubt, check_offsets

log = logging.getLogger(__name__)

BATCH = 5000
"""Rows in one write."""
FETCH_BYTES = 4 * 1024 * 1024
"""What one fetch of a partition may bring; a larger row still comes, alone."""
WAIT_MS = 200
EMPTY_ANSWERS = 50
"""So many answers in a row without a record, ten seconds of them, and what lies up to the end holds none (any more)."""
FEW_EMPTY_ANSWERS = 3
"""The same where nothing is missing and one record is only looked at."""


class Source(Protocol):
    """What is used of an aiokafka consumer."""

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offsets below which everything is committed."""

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the first offsets."""

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        """Return records, in order."""

    async def position(self, partition: TopicPartition) -> int:
        """Return the offset of the next record."""

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Go on at *offset*."""

    def last_poll_timestamp(self, partition: TopicPartition) -> int | None:
        """Return when the broker last answered."""


def changelog_consumer(brokers: Brokers) -> AIOKafkaConsumer:
    """Return a consumer without a group that reads committed records only; to be made in the loop it is used in."""
    return brokers.consumer(
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=WAIT_MS,
    )


class Loader:
    """Completes the states of one recovery from *source*, which has the partition in turn assigned."""

    def __init__(
        self,
        source: Source,
        check_value: CheckValue,
        progress: RecoveryProgress,
        *,
        retention: float,
        now: Callable[[], float] = time,
    ) -> None:
        """*retention* is how long, in seconds, the changelog keeps its tombstones."""
        self._source, self._check_value, self._progress = source, check_value, progress
        self._retention, self._now = retention, now

    async def load(self, partition: TopicPartition, state: State) -> None:
        """Apply all that *state* lacks.

        Raises DistrustedError where the changelog contradicts the state, and what *check_value* raises for a value that
        this release does not read.
        """
        end = (await self._source.end_offsets([partition]))[partition]
        beginning = (await self._source.beginning_offsets([partition]))[partition]
        check_offsets(state.offset, beginning, end)
        if state.offset is None:
            state.touch(self._now())
        await self._read(partition, state, beginning, end)
        if end > beginning and self._now() - state.used > self._retention / 2:
            await self._sweep(partition, state, beginning, end)
        self._progress.complete(partition.partition)

    async def _read(self, partition: TopicPartition, state: State, beginning: int, end: int) -> None:
        last = state.offset
        start = beginning if last is None else max(last, beginning)  # from the last known, to see that it is the same
        async for records, following in self._batches(partition, start, end, missing=last is None or last + 1 < end):
            if records and records[0].offset == last:
                _compare(records.pop(0), state)
            for record in records:
                if record.value is not None:
                    self._check_value(record.value)
            if records:
                state.apply([(record.key, record.value) for record in records], following - 1)
            self._progress.loaded += len(records)
            self._progress.ahead(partition.partition, end - following)
        if state.offset is None or state.offset + 1 < end:
            state.apply((), end - 1)

    async def _sweep(self, partition: TopicPartition, state: State, beginning: int, end: int) -> None:
        """Remove the keys that the changelog no longer names: they were removed, and their tombstones are gone too.

        That happens while a load takes longer than tombstones are kept. One look is enough: nobody else writes
        meanwhile, so the changelog only shrinks, and a tombstone that was missed has outlived what it removed.
        """
        log.warning("loading %s-%d took longer than is safe: looking for what was removed meanwhile", *partition)
        named = set[bytes]()
        async for records, _ in self._batches(partition, beginning, end, missing=True):
            named.update(record.key for record in records)
        gone = [(key, None) for key in state.all_keys() if key not in named]
        if gone and state.offset is not None:
            state.apply(gone, state.offset)

    async def _batches(
        self, partition: TopicPartition, start: int, end: int, *, missing: bool
    ) -> AsyncIterator[tuple[list[Any], int]]:
        """Yield the records from *start* to *end*, and the offset that follows; *missing* when there must be some."""
        source, position = self._source, start
        if start >= end:
            return
        source.seek(partition, start)
        empty = _EmptyAnswers(lambda: source.last_poll_timestamp(partition), _patience(missing))
        while position < end and not empty.enough:
            fetched = (await source.getmany(timeout_ms=WAIT_MS, max_records=BATCH)).get(partition, [])
            before, position = position, await source.position(partition)
            empty.note(position > before)
            if position > before:
                yield list(fetched), position
        if empty.enough and missing:
            log.warning("%s-%d: no record between %d and its end %d", *partition, position, end)


def _compare(record: Any, state: State) -> None:
    """Raise DistrustedError unless the last row that was applied is still the one that stands in its place."""
    if state.get(record.key) != record.value:
        raise DistrustedError(
            Doubt.CHANGED,
            f"its last row, at offset {record.offset}, is not the one that its changelog has there: the topic was made "
            "anew, or the brokers have lost its end and others have written there since",
        )


def _patience(missing: bool) -> int:
    return EMPTY_ANSWERS if missing else FEW_EMPTY_ANSWERS


class _EmptyAnswers:
    """Counts the broker's answers that brought nothing, not even a marker; an answer must be a new one to count."""

    def __init__(self, answered_at: Callable[[], int | None], patience: int) -> None:
        self._answered_at, self._patience = answered_at, patience
        self._last: int | None = None
        self._count = 0

    def note(self, moved: bool) -> None:
        answered, self._last = self._answered_at() != self._last, self._answered_at()
        self._count = 0 if moved else self._count + answered

    @property
    def enough(self) -> bool:
        return self._count >= self._patience
