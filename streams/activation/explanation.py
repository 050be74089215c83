"""Why a profile was, or was not, sent to a destination, step by step: the shape of the answer, as JSON has it.

Times are texts. A value is masked (``<text, 21 characters>``) unless it was asked for; names and counts are not.
Members may be added; none is taken away.
"""

from __future__ import annotations

from typing import Any

import msgspec

NULL = msgspec.Raw(b"null")
"""What stands for no value, as for one that is null."""


class _Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of an answer; it may hold what is known of a profile."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class Record(_Step, frozen=True, kw_only=True, rename="camel"):
    """Where the record stands that wrote something, and its own timestamp."""

    place: str
    """``topic-partition-offset``."""
    timestamp: str


class Known(_Step, frozen=True, kw_only=True, rename="camel"):
    """A segment membership."""

    namespace: str
    segment: str
    mapped: bool
    status: str
    last_qualification_time: str
    valid_until: str | None = None
    record: Record
    exclusion: str | None = None
    """Of a mapped one: what would keep an export that this record triggers from being sent now."""


class Fragment(_Step, frozen=True, kw_only=True, rename="camel"):
    """What a source says: its whole fragment."""

    source: str
    bytes: int | None
    """None: a null took it away."""
    record: Record


class Identified(_Step, frozen=True, kw_only=True, rename="camel"):
    """What a source says of identities: how many, by namespace."""

    source: str
    namespaces: dict[str, int]
    record: Record


class Mapped(_Step, frozen=True, kw_only=True, rename="camel"):
    """A mapped attribute, and which sources its value is from."""

    source: str
    target: str
    mandatory: bool = False
    deduplication_key: bool = False
    hash: str | None = None
    value: msgspec.Raw = NULL
    sources: tuple[str, ...] = ()
    """More than one where they agree, or where each has a part of it."""


class Forgotten(_Step, frozen=True, kw_only=True, rename="camel"):
    """That a null forgot the profile, and what of it is kept for as long as older records may be read again."""

    record: Record
    memberships: int
    told: bool | None
    """Whether the destination may have been told "in" before; None: it was told nothing."""


class Told(_Step, frozen=True, kw_only=True, rename="camel"):
    """The last export to the destination."""

    revision: int
    at: str
    """About when: a revision is the clock's time, or one more than the revision before."""
    inside: bool
    """Whether it said "in" of any segment."""
    trigger: str | None = None
    """None where an older release wrote it."""


class Rule(_Step, frozen=True, kw_only=True, rename="camel"):
    """What one rule says of an export that would be sent now."""

    exclusion: str
    forbids: bool
    details: dict[str, Any]
    meaning: str
    todo: str


class Sent(_Step, frozen=True, kw_only=True, rename="camel"):
    """An export."""

    destination: str
    trigger: str
    segments: tuple[str, ...]
    """The ids that it is about."""
    body: msgspec.Raw
    bytes: int


class Explanation(_Step, frozen=True, kw_only=True, rename="camel"):
    """All of it: what is known, then the decision."""

    profile: str
    partition: int
    at: str
    destination: str
    incarnation: str
    version: int
    """Of its document."""
    revision: int
    memberships: tuple[Known, ...]
    fragments: tuple[Fragment, ...]
    identities: tuple[Identified, ...]
    identity_map: msgspec.Raw = NULL
    attributes: tuple[Mapped, ...]
    forgotten: Forgotten | None
    owed: Record | None
    """The record whose export its topic refused; it follows."""
    told: Told | None
    rules: tuple[Rule, ...]
    """In the order in which they are asked; the first that forbids decides. None where no mapped segment is known."""
    end: str
    """What would become of it if it were exported now: ``activated``, ``excluded`` or ``not-triggered``."""
    exclusion: str | None
    exports: tuple[Sent, ...]
    """What would be sent now. What `streams re-export` asks for is the same."""


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Explanation).decode
