"""A record as an agent sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Record(Protocol):
    """What is used of an aiokafka record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Message:
    """A consumed record. *timestamp* is in seconds, *timestamp_ms* the same, exactly."""

    __slots__ = (
        "assignment", "headers", "key", "offset", "partition", "timestamp", "timestamp_ms", "topic", "value",
    )  # fmt: skip

    def __init__(self, record: Record, assignment: int) -> None:
        self.topic = record.topic
        self.partition = record.partition
        self.offset = record.offset
        self.timestamp_ms = record.timestamp
        self.timestamp = record.timestamp / 1000
        self.key = record.key
        self.value = record.value
        self.headers = record.headers
        self.assignment = assignment

    def __repr__(self) -> str:
        return f"<Message {self.topic}-{self.partition}@{self.offset}>"  # never the data
