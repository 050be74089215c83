"""What became of a simulated record, step by step: the shape of the answer, as JSON has it.

It is stable: members may be added, none is taken away. Values are masked unless they were asked for.
"""

from __future__ import annotations

import msgspec

from streams.activation.explanation import Sent


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class Said(_Part, frozen=True, kw_only=True, rename="camel"):
    """A membership that the record names."""

    namespace: str
    segment: str
    status: str
    last_qualification_time: str
    valid_until: str | None = None
    written: bool
    """Whether it stands in the profile's state now; else a newer one did before."""
    instead: str | None = None
    """Where the record stands that is newer."""


class Carried(_Part, frozen=True, kw_only=True, rename="camel"):
    """A source's fragment, or its identities, that the record carries."""

    source: str
    bytes: int | None
    """None: it takes away what the source had said."""
    written: bool


class Decoded(_Part, frozen=True, kw_only=True, rename="camel"):
    """What the record says: memberships, a fragment or both kinds of identities; or why it cannot be read."""

    kind: str
    """``memberships``, ``fragment``, ``null``, ``expiry`` or ``malformed``."""
    reason: str | None = None
    detail: str | None = None
    memberships: tuple[Said, ...] = ()
    fragment: Carried | None = None
    identities: Carried | None = None


class Outcome(_Part, frozen=True, kw_only=True, rename="camel"):
    """What followed for one destination that the record could concern."""

    destination: str
    end: str
    """``activated``, ``excluded`` or ``not-triggered``."""
    exclusion: str | None = None
    meaning: str | None = None
    todo: str | None = None
    exports: tuple[Sent, ...] = ()


class Taken(_Part, frozen=True, kw_only=True, rename="camel"):
    """A record, and all that followed from it."""

    where: str
    """File and line; of what happened by the clock alone, which line moved it."""
    topic: str
    partition: int
    offset: int
    timestamp: str
    now: str
    """The clock."""
    key: str | None
    decoded: Decoded
    end: str
    destinations: tuple[Outcome, ...] = ()
