"""Reads flat JSON: memberships and fragments lie where the settings declare it, in the words that they declare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from streams.activation.events import (
    FragmentChange,
    FragmentPaths,
    Input,
    Kind,
    Membership,
    MembershipChange,
    MembershipPaths,
    Path,
    Status,
    ending,
    event_time,
    fitting,
    unsaid,
)
from streams.activation.paths import Paths
from streams.activation.strict_json import Unreadable, on_one_line, read_object
from streams.activation.timestamps import parse_time, time_of_number
from streams.activation.xdm import Read, identities_of
from streams.ends import Reason

_encode = msgspec.json.encode


def memberships(source: Input, paths: MembershipPaths) -> Read:
    """Return what reads the records of a membership topic, one membership each."""
    name, kind = source.source, source.kind

    def read(value: bytes, timestamp_ms: int, now_ms: int) -> MembershipChange:
        record = read_object(value)
        membership = Membership(
            paths.namespace if isinstance(paths.namespace, str) else _id(record, paths.namespace),
            _id(record, paths.segment),
            _status(kind, record, paths),
            _time(record, paths, timestamp_ms, now_ms),
        )
        if paths.until is not None:
            membership = _until(membership, record, paths.until, paths.unit_us, now_ms)
        return MembershipChange(name, (membership,), identities_of(record, value))

    return read


def fragments(source: Input, paths: FragmentPaths) -> Read:
    """Return what reads the records of a profile topic."""
    name, attributes, ids = source.source, paths.attributes, paths.identities
    texts = None if attributes is None else Paths([attributes])

    def read(value: bytes, _: int, __: int) -> FragmentChange:
        record = fragment = read_object(value)
        if attributes is not None and texts is not None:
            fragment = _object(record, attributes)
            value = texts.read(value)[0] or b""
        text = on_one_line(value)
        return FragmentChange(name, text, identities_of(fragment, text) if ids is None else _identities(record, ids))

    return read


def _id(record: dict[str, Any], path: Path) -> str:
    """Return the segment id, or the namespace, at *path*."""
    value = _at(record, path)
    if value is None or value == "":
        raise Unreadable(Reason.MISSING_MEMBERSHIP, f"expected a text or a whole number at {_shown(path)}, found none")
    text = _text(value)
    if text is None:
        raise Unreadable(Reason.INVALID_MEMBERSHIP, f"expected a text or a whole number at {_shown(path)}")
    return text


def _status(kind: Kind, record: dict[str, Any], paths: MembershipPaths) -> Status:
    word = None if paths.status is None else _at(record, paths.status)
    if paths.status is None or word is None:
        return unsaid(kind)
    status = paths.words.get(_word(word) or "")
    if status is None:
        raise Unreadable(Reason.UNKNOWN_STATUS, f"expected {' or '.join(paths.words)} at {_shown(paths.status)}")
    return fitting(kind, status)


def _time(record: dict[str, Any], paths: MembershipPaths, timestamp_ms: int, now_ms: int) -> int:
    if paths.time is None:
        if timestamp_ms < 0:
            raise Unreadable(
                Reason.INVALID_TIME, "the record has no timestamp, and no path to another time is declared"
            )
        return event_time(timestamp_ms * 1_000, now_ms, "the record's timestamp")
    return event_time(_moment(_at(record, paths.time), paths.unit_us, paths.time), now_ms, _shown(paths.time))


def _until(membership: Membership, record: dict[str, Any], path: Path, unit_us: int | None, now_ms: int) -> Membership:
    """Return *membership* with its end, if it has one; of one that is over, it does not matter."""
    value = _at(record, path)
    if value is None or not membership.inside:
        return membership
    return ending(membership, _moment(value, unit_us, path), now_ms, _shown(path))


def _moment(value: object, unit_us: int | None, path: Path) -> int:
    """Return the time that stands at *path*."""
    try:
        if unit_us is None:
            if not isinstance(value, str):
                raise ValueError("expected a text (declare timeUnit if it is a number)")
            return parse_time(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("expected a number, as timeUnit is declared")
        return time_of_number(value, unit_us)
    except ValueError as error:
        raise Unreadable(Reason.INVALID_TIME, f"{_shown(path)}: {error}") from None


def _object(record: dict[str, Any], path: Path) -> dict[str, Any]:
    value = _at(record, path)
    if not isinstance(value, dict):
        raise Unreadable(Reason.NOT_AN_OBJECT, f"expected a JSON object at {_shown(path)}")
    return value


def _identities(record: dict[str, Any], places: Mapping[str, Path]) -> bytes:
    """Return an identityMap of the ids that are there: what the record leaves out, its source no longer says."""
    found: dict[str, list[dict[str, str]]] = {}
    for namespace, path in places.items():
        value = _at(record, path)
        if value is None or value == "":
            continue
        text = _text(value)
        if text is None:
            raise Unreadable(Reason.INVALID_IDENTITY_MAP, f"expected a text or a whole number at {_shown(path)}")
        found[namespace] = [{"id": text}]
    return _encode(found)


def _at(record: dict[str, Any], path: Path) -> Any:
    """Return the value at *path*, None if there is none."""
    value: Any = record
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _text(value: object) -> str | None:
    """Return what stands for an id: a text, or a whole number as it is written."""
    return value if isinstance(value, str) else str(value) if type(value) is int else None


def _word(value: object) -> str | None:
    """Return what stands for a status: an id's text, or true or false as JSON writes them."""
    return str(value).lower() if isinstance(value, bool) else _text(value)


def _shown(path: Path) -> str:
    return ".".join(("$", *path))
