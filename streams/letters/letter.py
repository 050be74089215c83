"""A dead letter as it is read back: where it stands, what its headers say, and what it was a record of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple, Protocol

from streams.delivery import dead_letters as written
from streams.exports import ID_HEADER, META_HEADER, REPLAYS_HEADER, TRACE_HEADER

_OF_EXPORTS = frozenset({ID_HEADER, META_HEADER, TRACE_HEADER, REPLAYS_HEADER})
"""What an export's own headers are called; they hold no profile data."""


class Stage(StrEnum):
    """Where a record failed, in our words."""

    ACTIVATION = "activation"
    DELIVERY = "delivery"


_STAGES = {written.Stage.ACTIVATION.value: Stage.ACTIVATION, written.Stage.DELIVERY.value: Stage.DELIVERY}


class Place(NamedTuple):
    """Where a letter stands on the topic of dead letters; in time, those of one partition are in its order."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


class Source(NamedTuple):
    """Where the record stood that became a letter."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}-{self.offset}"


class Record(Protocol):
    """What is read of a Kafka record."""

    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """What a letter says; None where it does not say it. *written_at* is in milliseconds since 1970."""

    place: Place
    written_at: int
    reason: str | None
    stage: Stage | None
    destination: str | None
    status: int | None
    attempts: int | None
    replays: int
    """How often the export had been replayed before it failed once more."""
    omitted: int | None
    """How many bytes the record had where they are not kept."""
    source: Source | None
    size: int | None
    """How many bytes the body has; None if there is none."""
    key: bytes | None = field(repr=False)
    body: bytes | None = field(repr=False)
    headers: Sequence[tuple[str, bytes]] = field(repr=False)

    def without_bytes(self) -> DeadLetter:
        """Return it without what is large."""
        return replace(self, body=None, headers=())


def read_letter(record: Record) -> DeadLetter:
    """Return what *record* says; total, since anybody may write to a topic."""
    texts = _texts(record.headers)
    stage = _STAGES.get(texts.get(written.STAGE_HEADER, ""))
    return DeadLetter(
        place=Place(record.partition, record.offset),
        written_at=record.timestamp,
        reason=texts.get(written.REASON_HEADER),
        stage=stage,
        destination=texts.get(written.DESTINATION_HEADER),
        status=_number(texts, written.STATUS_HEADER),
        attempts=_number(texts, written.ATTEMPTS_HEADER),
        replays=(_number(texts, REPLAYS_HEADER) or 0) if stage is Stage.DELIVERY else 0,
        omitted=_number(texts, written.OMITTED_HEADER),
        source=_source(texts),
        size=None if record.value is None else len(record.value),
        key=record.key,
        body=record.value,
        headers=record.headers,
    )


def open_headers(letter: DeadLetter) -> Iterator[tuple[str, bytes, bool]]:
    """Yield each header, and whether it may be shown unasked: it is ours, and not one that a stranger's record had."""
    last = {name: number for number, (name, _) in enumerate(letter.headers)}
    ours = written.ADDED_HEADERS | (_OF_EXPORTS if letter.stage is Stage.DELIVERY else set())
    for number, (name, value) in enumerate(letter.headers):
        yield name, value, name in ours and last[name] == number


def _texts(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    """Return what the headers say that are ours; of two with one name, the last."""
    found = {name: value or b"" for name, value in headers if name in written.ADDED_HEADERS or name in _OF_EXPORTS}
    return {name: value.decode(errors="replace") for name, value in found.items()}


def _number(texts: Mapping[str, str], name: str) -> int | None:
    text = texts.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _source(texts: Mapping[str, str]) -> Source | None:
    topic = texts.get(written.TOPIC_HEADER)
    partition, offset = _number(texts, written.PARTITION_HEADER), _number(texts, written.OFFSET_HEADER)
    return None if topic is None or partition is None or offset is None else Source(topic, partition, offset)
