"""What activation writes and delivery posts: an export, its id, its headers, its topic."""

from __future__ import annotations

import hashlib
from typing import NamedTuple, Protocol
from uuid import UUID, uuid5

import msgspec

ID_HEADER = "streams.id"
META_HEADER = "streams.meta"
TRACE_HEADER = "traceparent"
REPLAYS_HEADER = "streams.replays"
"""How often the export was replayed; only one that was has it."""

MAX_RECORD_BYTES = 8 * 1024 * 1024
"""What a record of our topics may be: their ``max.message.bytes``."""
MAX_ROW_BYTES = MAX_RECORD_BYTES - 64 * 1024
"""What key, value and headers of such a record may hold together: the broker counts what frames them, too."""

_NAMESPACE = UUID("6f3f0f0e-7d5c-5b4e-9c52-2f6b1c7a9d11")
"""The root of all incarnations' namespaces. It never changes: export ids would."""


def log_name(topic: str, remakings: int) -> str:
    """Return what positions call a topic's partition whose offsets have begun again so often.

    A topic's name holds no ``#``. Offsets tell which of two records is later only within one log.
    """
    return f"{topic}#{remakings}" if remakings else topic


class Position(NamedTuple):
    """Where a record stands: *topic* is its log's name, *timestamp* the record's own, in milliseconds."""

    topic: str
    partition: int
    offset: int
    timestamp: int

    @property
    def text(self) -> str:
        """``topic-partition-offset``, as headers, logs and ids write it."""
        return f"{self.topic}-{self.partition}-{self.offset}"


class Meta(msgspec.Struct, frozen=True, gc=False):
    """What is known of an export beside its body; one header, JSON. It may differ between repeats of one id.

    *source* is the position of the record that caused it, *time* that record's event time and *recorded* its own
    timestamp, both in milliseconds.
    """

    version: int
    revision: int
    trigger: str
    source: str
    time: int | None = None
    segments: tuple[str, ...] = ()
    recorded: int | None = None


encode_meta = msgspec.json.Encoder().encode
decode_meta = msgspec.json.Decoder(Meta).decode


class Export(msgspec.Struct, frozen=True, gc=False):
    """An export as delivery reads it: the body is the record's value and is posted byte for byte."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes
    body: bytes
    id: str
    meta: Meta
    traceparent: str | None = None


class Posted(Protocol):
    """What one request carries: an export, or several joined."""

    @property
    def id(self) -> str:
        """The key that says to an endpoint whether it has this already; one id never stands for two bodies."""

    @property
    def body(self) -> bytes:
        """Goes out byte for byte."""

    @property
    def traceparent(self) -> str | None:
        """The trace that it belongs to, if any."""


def namespace_of(incarnation: str) -> bytes:
    """Return the namespace of an incarnation's export ids; made once per destination, then passed to export_id."""
    return uuid5(_NAMESPACE, incarnation).bytes


def source_of(meta: Meta) -> Position | None:
    """Return where the record stands that an export was of; None if *meta* does not say it as we do."""
    log, *numbers = meta.source.rsplit("-", 2)
    if not log or len(numbers) != 2 or not all(map(_is_offset, numbers)):
        return None
    return Position(log, int(numbers[0]), int(numbers[1]), meta.recorded or 0)


def _is_offset(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def export_id(namespace: bytes, source: str, body: bytes) -> str:
    """Return UUIDv5(incarnation, position, SHA-256 of the body): repeatable, and never one id for two bodies.

    *source* is the text of the position, as the export's meta has it.
    """
    return named(namespace, source.encode() + b"\0" + hashlib.sha256(body).digest())


def named(namespace: bytes, name: bytes) -> str:
    """Return the UUIDv5 of *name*.

    It is made by hand (RFC 9562 section 5.5) since ``uuid.uuid5`` costs four times the hash.
    """
    digest = bytearray(hashlib.sha1(namespace + name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_BRIEF_BYTES = 64
_DIGESTED = bytes(_BRIEF_BYTES - 31)
"""Makes a digest longer than any key that stands for itself, so that the two never meet."""


def brief(key: bytes) -> bytes:
    """Return what stands for a profile's key where many are remembered: the key, or a digest of a long one.

    Nobody bounds the length of a key but the broker.
    """
    return key if len(key) <= _BRIEF_BYTES else hashlib.sha256(key).digest() + _DIGESTED


def exports_topic(app: str, incarnation: str) -> str:
    """Return the name of a destination's durable queue."""
    return f"{app}.exports.{incarnation}"


def incarnation_of(app: str, topic: str) -> str | None:
    """Return the incarnation whose exports stand on *topic*; None if it is no exports topic of the app."""
    start = exports_topic(app, "")
    return topic[len(start) :] if topic.startswith(start) and len(topic) > len(start) else None


def delivery_group(app: str, incarnation: str) -> str:
    """Return the consumer group that delivers a destination."""
    return f"{app}.delivery.{incarnation}"


def changelog_topic(app: str) -> str:
    """Return the name of the topic of the profiles' state; Faust makes it of the app and the table's name."""
    return f"{app}-profiles-changelog"


def dead_letters_topic(app: str) -> str:
    """Return the name of the topic of what could not be read or delivered."""
    return f"{app}.dead-letters"
