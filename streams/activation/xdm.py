"""Reads XDM: memberships in ``segmentMembership``, identities in ``identityMap``, the whole record as a fragment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from streams.activation import identities
from streams.activation.events import (
    STATUSES,
    Change,
    FragmentChange,
    Input,
    Kind,
    Membership,
    MembershipChange,
    Status,
    ending,
    event_time,
    fitting,
    unsaid,
)
from streams.activation.strict_json import Unreadable, on_one_line, read_object
from streams.activation.timestamps import parse_time
from streams.ends import Reason

Read = Callable[[bytes, int, int], Change]
"""Reads a value, given the record's timestamp and the clock, both in milliseconds; raises Unreadable if it cannot."""
ReadMemberships = Callable[[bytes, int, int], MembershipChange]

_TIME, _UNTIL = "lastQualificationTime", "validUntil"


class _Identified(msgspec.Struct, gc=False):
    identityMap: msgspec.Raw


_identified = msgspec.json.Decoder(_Identified).decode


def memberships(source: Input) -> ReadMemberships:
    """Return what reads the records of a membership topic."""
    name, kind = source.source, source.kind

    def read(value: bytes, _: int, now_ms: int) -> MembershipChange:
        record = read_object(value)
        found = tuple(
            _membership(kind, namespace, segment_id, entry, now_ms)
            for namespace, segment_id, entry in _entries(record.get("segmentMembership"))
        )
        if not found:
            raise Unreadable(Reason.MISSING_MEMBERSHIP, "expected segmentMembership with at least one segment")
        return MembershipChange(name, found, identities_of(record, value))

    return read


def fragments(source: Input) -> Read:
    """Return what reads the records of a profile topic."""
    name = source.source

    def read(value: bytes, _: int, __: int) -> FragmentChange:
        record = read_object(value)
        text = on_one_line(value)
        return FragmentChange(name, text, identities_of(record, text))

    return read


def identities_of(record: dict[str, Any], value: bytes) -> bytes | None:
    """Return the identityMap of *value*, which reads as *record*; None if it has none."""
    if "identityMap" not in record:
        return None
    try:
        return identities.clean(record["identityMap"], on_one_line(bytes(_identified(value).identityMap)))
    except ValueError as error:
        raise Unreadable(Reason.INVALID_IDENTITY_MAP, str(error)) from None


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
        return unsaid(kind)
    word = entry["status"]
    status = STATUSES.get(word) if isinstance(word, str) else None
    if status is None:
        raise Unreadable(Reason.UNKNOWN_STATUS, "expected the status to be realized, existing or exited")
    return fitting(kind, status)


def _membership(kind: Kind, namespace: str, segment_id: str, entry: dict[str, Any], now_ms: int) -> Membership:
    """Return what an entry says; of one that is over, it does not matter until when it would have lasted."""
    status, time_us = _status(kind, entry), event_time(_moment(entry, _TIME), now_ms, _TIME)
    membership = Membership(namespace, segment_id, status, time_us)
    if entry.get(_UNTIL) is None or not membership.inside:
        return membership
    return ending(membership, _moment(entry, _UNTIL), now_ms, _UNTIL)


def _moment(entry: dict[str, Any], place: str) -> int:
    text = entry.get(place)
    if not isinstance(text, str):
        raise Unreadable(Reason.INVALID_TIME, f"expected {place} to be a text")
    try:
        return parse_time(text)
    except ValueError as error:
        raise Unreadable(Reason.INVALID_TIME, f"{place}: {error}") from None
