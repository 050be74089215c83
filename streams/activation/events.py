"""What the inputs say: the words for a record's meaning, and the rules that a membership keeps however it comes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from streams.activation.strict_json import Unreadable
from streams.activation.timestamps import LAST_US
from streams.destinations import UPS
from streams.ends import Reason

Path = tuple[str, ...]
"""The names that lead to a value in a record."""

MAX_AHEAD_MS = 10 * 60 * 1000
"""How far an event time may be ahead of the clock: clocks differ, but a time of tomorrow would win until tomorrow."""


class Kind(StrEnum):
    """What the topic says that a record is meant to be."""

    QUALIFICATION = "qualification"
    EXIT = "exit"
    MEMBERSHIP = "membership"
    FRAGMENT = "fragment"


class Status(StrEnum):
    """A membership's status; ``existing`` is the older vocabulary's word for one that continues to be realized."""

    REALIZED = "realized"
    EXISTING = "existing"
    EXITED = "exited"


STATUSES: Mapping[str, Status] = {status.value: status for status in Status}
"""The words that mean a status where an input does not declare its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipPaths:
    """Where a record of flat JSON says of which segment it speaks, what happened, and when."""

    segment: Path
    namespace: str | Path = UPS
    """The namespace of all segment ids, or where it stands."""
    status: Path | None = None
    words: Mapping[str, Status] = field(default_factory=lambda: STATUSES)
    time: Path | None = None
    """None: the record's own timestamp is the event time."""
    until: Path | None = None
    """Where it says when the membership ends by itself."""
    unit_us: int | None = None
    """What a number counts as a time, in microseconds; None: a text is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentPaths:
    """Where a record of flat JSON has the fragment, and by namespace the ids; None: where XDM has them."""

    attributes: Path | None = None
    identities: Mapping[str, Path] | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """An input topic's meaning; *source* names whose fragments and identities its records carry.

    *paths* are declared where its records are not XDM.
    """

    kind: Kind
    source: str
    paths: MembershipPaths | FragmentPaths | None = None


class _Hidden(msgspec.Struct, frozen=True, gc=False):
    """What hides its content wherever it is printed: profile data shows nowhere."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class Membership(_Hidden, frozen=True, gc=False):
    """What a record says of one segment membership."""

    namespace: str
    segment_id: str
    status: Status
    time_us: int
    """The last qualification time, in microseconds since 1970."""
    until_us: int | None = None
    """When it ends by itself, likewise; None: it does not."""

    @property
    def inside(self) -> bool:
        """Whether the profile is in the segment."""
        return self.status is not Status.EXITED

    @property
    def has_ended(self) -> bool:
        """Whether it had ended by itself before it came: nobody is told of the entry that it was."""
        return self.until_us is not None and self.status is Status.EXITED


class MembershipChange(_Hidden, frozen=True, gc=False):
    """A record of a membership topic; *identities* is its identityMap as JSON, None if it has none."""

    source: str
    memberships: tuple[Membership, ...]
    identities: bytes | None = None


class FragmentChange(_Hidden, frozen=True, gc=False):
    """A record of a profile topic: the source's whole fragment as JSON; None forgets it and its identities."""

    source: str
    fragment: bytes | None
    identities: bytes | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that cannot be read; *detail* is for people and shows nothing of the record's content."""

    reason: Reason
    detail: str


Change = MembershipChange | FragmentChange

_INSIDE = frozenset({Status.REALIZED, Status.EXISTING})
_ALLOWED = {
    Kind.QUALIFICATION: _INSIDE,
    Kind.EXIT: frozenset({Status.EXITED}),
    Kind.MEMBERSHIP: frozenset(Status),
}
_MISSING = {Kind.QUALIFICATION: Status.REALIZED, Kind.EXIT: Status.EXITED}
"""What a record without a status means; a topic that holds both kinds must say it."""


def unsaid(kind: Kind) -> Status:
    """Return what a record without a status means on a topic of *kind*; raises Unreadable if that needs to be said."""
    status = _MISSING.get(kind)
    if status is None:
        raise Unreadable(Reason.MISSING_STATUS, "a topic of both kinds needs the status: realized or exited")
    return status


def fitting(kind: Kind, status: Status) -> Status:
    """Return *status* if it belongs on a topic of *kind*; raises Unreadable if it does not."""
    if status not in _ALLOWED[kind]:
        raise Unreadable(Reason.CONTRADICTING_STATUS, f"{status} does not belong on a topic of {kind}s")
    return status


def event_time(time_us: int, now_ms: int, place: str) -> int:
    """Return an event time that is not too far ahead of the clock; raises Unreadable, naming its *place*, if it is."""
    if time_us > (now_ms + MAX_AHEAD_MS) * 1_000:
        raise Unreadable(Reason.FUTURE_TIME, f"{place} is more than ten minutes ahead of the clock")
    return time_us


def ending(membership: Membership, until_us: int, now_ms: int, place: str) -> Membership:
    """Return a membership that ends by itself at *until_us*; as an exit, where that has passed.

    Raises Unreadable, naming its *place*, if it had ended before it began. What is later than can be written is never.
    """
    if until_us < membership.time_us:
        raise Unreadable(Reason.INVALID_TIME, f"{place} is before the event time")
    if until_us > LAST_US:
        return membership
    status = Status.EXITED if until_us <= now_ms * 1_000 else membership.status
    return Membership(membership.namespace, membership.segment_id, status, membership.time_us, until_us)
