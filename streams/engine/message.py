"""A record as an agent sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class Record(Protocol):
    """What is used of an aiokafka record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Message(msgspec.Struct, gc=False, eq=False):
    """A consumed record, and the assignment it was read in; *timestamp_ms* is the record's own."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    assignment: int

    def __repr__(self) -> str:
        return f"<Message {self.topic}-{self.partition}@{self.offset}>"  # never the data


def message_of(record: Record, assignment: int) -> Message:
    """Return *record* as an agent sees it."""
    return Message(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        record.headers,
        assignment,
    )
