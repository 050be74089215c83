"""Loads a changelog partition into its state, from where the state ends to where the changelog ended at the start.

Faust's own recovery costs about twenty times as much a record, and waits for ever when the changelog ends with a
transaction marker, because it counts records where it should look at positions.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.engine.states import CheckValue, State

log = logging.getLogger(__name__)

BATCH = 5000
"""Rows in one write."""
FETCH_BYTES = 4 * 1024 * 1024
"""What one fetch of a partition may bring; a larger row still comes, alone."""
WAIT_MS = 200
EMPTY_ANSWERS = 50
"""So many answers in a row without a record, ten seconds of them, and what lies up to the end holds none (any more)."""


class StateAheadError(RuntimeError):
    """A partition's state on disk knows more than its changelog: the topic was recreated, or the broker lost data."""


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


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many records were read, and up to which offset (exclusive) the state is complete."""

    records: int
    end: int


def changelog_consumer(bootstrap_servers: Sequence[str]) -> AIOKafkaConsumer:
    """Return a consumer without a group that reads committed records only; to be made in the loop it is used in."""
    return AIOKafkaConsumer(
        bootstrap_servers=list(bootstrap_servers),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=WAIT_MS,
    )


async def load(source: Source, partition: TopicPartition, state: State, check_value: CheckValue) -> Loaded:
    """Apply all that *state* lacks; *source* has *partition* assigned.

    Raises StateAheadError, and what *check_value* raises for a value that this release does not read.
    """
    end = (await source.end_offsets([partition]))[partition]
    start = max(_next(state), (await source.beginning_offsets([partition]))[partition])
    if _next(state) > end:
        raise StateAheadError(
            f"the state of {partition.topic}-{partition.partition} is complete up to offset {_next(state)}, its "
            f"changelog ends at {end}: if the topic was recreated on purpose, remove the state directory"
        )
    if start >= end:
        return Loaded(0, end)
    source.seek(partition, start)
    return await _read(source, partition, state, check_value, end)


async def _read(source: Source, partition: TopicPartition, state: State, check_value: CheckValue, end: int) -> Loaded:
    records, empty = 0, _EmptyAnswers(lambda: source.last_poll_timestamp(partition))
    while (position := await source.position(partition)) < end and not empty.enough:
        fetched = (await source.getmany(timeout_ms=WAIT_MS, max_records=BATCH)).get(partition)
        moved = await source.position(partition)
        empty.note(moved > position)
        if fetched:
            for record in fetched:
                if record.value is not None:
                    check_value(record.value)
            state.apply([(record.key, record.value) for record in fetched], moved - 1)
            records += len(fetched)
    if empty.enough:
        log.warning("%s-%d: no record between %d and its end %d", partition.topic, partition.partition, position, end)
    if _next(state) < end:
        state.apply((), end - 1)
    return Loaded(records, end)


class _EmptyAnswers:
    """Counts the broker's answers that brought nothing, not even a marker; an answer must be a new one to count."""

    def __init__(self, answered_at: Callable[[], int | None]) -> None:
        self._answered_at = answered_at
        self._last: int | None = None
        self._count = 0

    def note(self, moved: bool) -> None:
        answered, self._last = self._answered_at() != self._last, self._answered_at()
        self._count = 0 if moved else self._count + answered

    @property
    def enough(self) -> bool:
        return self._count >= EMPTY_ANSWERS


def _next(state: State) -> int:
    return 0 if state.offset is None else state.offset + 1
