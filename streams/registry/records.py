"""A version of a document as the topic of documents holds it: ``kind/name/version/random`` -> JSON.

Whatever changes a document (applied, paused, resumed, deleted) writes its next version. Of one version the record at
the lowest offset counts, and the highest version is in force, so compaction cannot change who won. Versions of a name
go on after it is deleted and created again; each creation has a *number* of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from streams.destinations import Pause

DESTINATION, ACCOUNT = "destination", "account"
POLICY, LABELS, SCHEMA = "policy", "labels", "schema"
GOVERNING = (POLICY, LABELS, SCHEMA)
"""The kinds that say what destinations may be sent."""
KINDS = (DESTINATION, ACCOUNT, *GOVERNING)

Life = Literal["live", "draining", "deleted"]
"""A draining destination is exported nothing more, and what it was exported is still delivered."""


class NamedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """The account document that a destination names, as of the destination's version."""

    name: str
    version: int
    document: dict[str, Any]


class Mapped(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Since when a segment is mapped, and when its item was last changed; milliseconds since 1970, None = unknown."""

    created_at: int | None = None
    updated_at: int | None = None


Mappings = dict[str, dict[str, Mapped]]
"""The times of a destination's mapped segments, by namespace and id."""


class Version(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One version of a document; times are milliseconds since 1970, secrets are references as they were written."""

    version: int
    written_at: int
    by: str
    """Who wrote it: a user at a host, or a worker."""
    document: dict[str, Any] = {}
    """As it was applied, written the one way, ``kind`` and ``name`` included."""
    number: int = 1
    """The creation number: with the name it is a destination's incarnation."""
    created_at: int = 0
    """When this incarnation was created: what ``since: now`` means."""
    min_version: int = 1
    """Exports that were rendered by a lower version are not posted."""
    mapped: Mappings = {}
    account: NamedAccount | None = None
    pause: Pause | None = None
    refusals_accepted_at: int = 0
    """When an operator last let the refused exports end that waited, since the destination was at fault; 0 = never."""
    life: Life = "live"


_encode = msgspec.json.Encoder().encode


def name_of(kind: str, name: str, version: int) -> str:
    """Return what the keys of all records of one version begin with; a random part follows."""
    return f"{kind}/{name}/{version}"


def encode(version: Version) -> bytes:
    """Return the record's value."""
    return _encode(version)


def convert(value: Mapping[str, Any]) -> Version | None:
    """Return the version that a decoded value holds; None for one that a release of another shape wrote."""
    try:
        return msgspec.convert(value, Version)
    except msgspec.ValidationError:
        return None
