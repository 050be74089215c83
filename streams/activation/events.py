"""What the inputs say: a record's bytes become a change of a profile, or a reason why they cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from streams.activation import identities
from streams.activation.strict_json import Unreadable, on_one_line, read_object
from streams.activation.timestamps import parse_time
from streams.ends import Reason

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


@dataclass(frozen=True, slots=True)
class Input:
    """An input topic's meaning; *source* names whose fragments and identities its records carry."""

    kind: Kind
    source: str


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

    @property
    def inside(self) -> bool:
        """Whether the profile is in the segment."""
        return self.status is not Status.EXITED


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

_STATUSES = {status.value: status for status in Status}
_INSIDE = frozenset({Status.REALIZED, Status.EXISTING})
_ALLOWED = {
    Kind.QUALIFICATION: _INSIDE,
    Kind.EXIT: frozenset({Status.EXITED}),
    Kind.MEMBERSHIP: frozenset(Status),
}
_MISSING = {Kind.QUALIFICATION: Status.REALIZED, Kind.EXIT: Status.EXITED}
"""What a record without a status means; a topic that holds both kinds must say it."""


class _Identified(msgspec.Struct, gc=False):
    identityMap: msgspec.Raw


_identified = msgspec.json.Decoder(_Identified).decode


def decode(source: Input, key: bytes | None, value: bytes | None, now_ms: int) -> Change | Malformed:
    """Return what a record changes; total: nothing that comes raises.

    *now_ms* is the clock, in milliseconds since 1970. What is returned always renders to valid JSON.
    """
    try:
        if key is None:
            raise Unreadable(Reason.NULL_KEY, "a record's key is the profile id, it has none")
        if source.kind is Kind.FRAGMENT:
            return _fragment(source.source, value)
        return _memberships(source, value, now_ms)
    except Unreadable as error:
        return Malformed(error.reason, error.detail)


def _fragment(source: str, value: bytes | None) -> FragmentChange:
    if value is None:
        return FragmentChange(source, None)
    record = read_object(value)
    text = on_one_line(value)
    return FragmentChange(source, text, _identities(record, text))


def _memberships(source: Input, value: bytes | None, now_ms: int) -> MembershipChange:
    if value is None:
        raise Unreadable(Reason.NULL_VALUE, "a null means something on a profile topic only")
    record = read_object(value)
    latest_us = (now_ms + MAX_AHEAD_MS) * 1_000
    memberships = tuple(
        Membership(namespace, segment_id, _status(source.kind, entry), _time(entry, latest_us))
        for namespace, segment_id, entry in _entries(record.get("segmentMembership"))
    )
    if not memberships:
        raise Unreadable(Reason.MISSING_MEMBERSHIP, "expected segmentMembership with at least one segment")
    return MembershipChange(source.source, memberships, _identities(record, value))


def _entries(namespaces: object) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield namespace, segment id and what is said of it."""
    if namespaces is None:
        return
    if not isinstance(namespaces, dict):
        raise Unreadable(Reason.INVALID_MEMBERSHIP, "expected segmentMembership to be an object of namespaces")
    for namespace, segments in namespaces.items():
        if not isinstance(segments, dict):
            raise Unreadable(Reason.INVALID_MEMBERSHIP, "expected a namespace to be an object of segments")
        for segment_id, entry in segments.items():
            if not isinstance(entry, dict):
                raise Unreadable(Reason.INVALID_MEMBERSHIP, "expected a segment membership to be an object")
            yield namespace, segment_id, entry


def _status(kind: Kind, entry: dict[str, Any]) -> Status:
    if "status" not in entry:
        missing = _MISSING.get(kind)
        if missing is None:
            raise Unreadable(Reason.MISSING_STATUS, "a topic of both kinds needs the status: realized or exited")
        return missing
    word = entry["status"]
    status = _STATUSES.get(word) if isinstance(word, str) else None
    if status is None:
        raise Unreadable(Reason.UNKNOWN_STATUS, "expected the status to be realized, existing or exited")
    if status not in _ALLOWED[kind]:
        raise Unreadable(Reason.CONTRADICTING_STATUS, f"{status} does not belong on a topic of {kind}s")
    return status


def _time(entry: dict[str, Any], latest_us: int) -> int:
    text = entry.get("lastQualificationTime")
    if not isinstance(text, str):
        raise Unreadable(Reason.INVALID_TIME, "expected lastQualificationTime to be a text")
    try:
        time_us = parse_time(text)
    except ValueError as error:
        raise Unreadable(Reason.INVALID_TIME, f"lastQualificationTime: {error}") from None
    if time_us > latest_us:
        raise Unreadable(Reason.FUTURE_TIME, "lastQualificationTime is more than ten minutes ahead of the clock")
    return time_us


def _identities(record: dict[str, Any], value: bytes) -> bytes | None:
    if "identityMap" not in record:
        return None
    try:
        return identities.clean(record["identityMap"], on_one_line(bytes(_identified(value).identityMap)))
    except ValueError as error:
        raise Unreadable(Reason.INVALID_IDENTITY_MAP, str(error)) from None
