"""An export on its way through delivery: its record, what it became of it so far, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from streams.delivery.lanes import Placed
from streams.delivery.windows import Window
from streams.exports import ID_HEADER, META_HEADER, TRACE_HEADER, Export, Meta, decode_meta


class Record(Protocol):
    """What delivery reads of a Kafka record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Pending(Placed):
    """A record of the exports topic that is fetched and not ended."""

    __slots__ = (
        *("attempts", "attempts_before", "company", "export", "fetched_at", "held", "most", "record"),
        *("retried_from", "retries", "status", "untold", "window"),
    )

    def __init__(self, record: Record, window: Window, fetched_at: float) -> None:
        self.record, self.window, self.fetched_at = record, window, fetched_at
        self.key = record.key or b""
        self.behind = None
        self.size = len(self.key) + len(record.value or b"")
        self.export: Export | None = None
        self.attempts = self.attempts_before = 0
        """How often it was posted; and how often that was which stood in its place before it."""
        self.status: int | None = None
        self.company = 1
        """How many exports its latest request carried."""
        self.most: int | None = None
        """How many its next one may carry, None = as many as the destination takes."""
        self.retried_from: float | None = None
        """The reading of the destination's progress at the first attempt that is to be tried again."""
        self.held = 0.0
        """For how many seconds more its clock has run because it held up everything by itself."""
        self.retries = 0
        """How many of its attempts were to be tried again while the destination was not at fault."""
        self.untold = 0
        """How many ends of its window a commit must have told before this one may be posted."""

    @property
    def is_told(self) -> bool:
        """Whether a commit has told of all that this one replaced."""
        return self.untold <= self.window.told

    def replaced(self, newer: Pending) -> Pending:
        """Be *newer*, which has no place, from now on; return what it was before.

        It keeps its place, how often that was tried and since when, and with how many others it may travel: a
        profile that changes all the time would otherwise begin its waits anew each time, and never exhaust.
        """
        self.attempts_before += self.attempts
        for name in ("record", "fetched_at", "size", "export", "status", "attempts", "company"):
            mine, others = getattr(self, name), getattr(newer, name)
            setattr(self, name, others)
            setattr(newer, name, mine)
        return newer

    @property
    def place(self) -> tuple[int, int]:
        """Its partition and offset."""
        return self.record.partition, self.record.offset


def read_export(record: Record) -> Export | None:
    """Return the export that *record* holds; None if activation cannot have written it. Total."""
    if record.key is None or record.value is None:
        return None
    id_ = meta = trace = None
    for name, value in record.headers:
        if name == ID_HEADER:
            id_ = value
        elif name == META_HEADER:
            meta = value
        elif name == TRACE_HEADER:
            trace = value
    if id_ is None or meta is None or not _is_token(id_):
        return None
    if trace is not None and not _is_token(trace):
        trace = None  # it goes out as an HTTP header, too; without it nothing is lost but a line in a trace
    try:
        return Export(
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            timestamp=record.timestamp,
            key=record.key,
            body=record.value,
            id=id_.decode("ascii"),
            meta=decode_meta(meta),
            traceparent=None if trace is None else trace.decode("ascii"),
        )
    except (msgspec.MsgspecError, ValueError):
        return None


def _is_token(value: bytes) -> bool:
    """Whether *value* may stand in an HTTP header."""
    return value.isascii() and value.decode().isprintable() and value != b""


def stand_in(record: Record) -> Export:
    """Return an export that stands for an unreadable *record* where its end is told."""
    return Export(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp,
        key=record.key or b"",
        body=b"",
        id="",
        meta=Meta(version=0, revision=0, trigger="", source=""),
    )
