"""Builders for records, destinations and a profile's life: a test names only what matters to it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from streams.activation.activate import Activation
from streams.activation.decoding import decoder
from streams.activation.events import Change, Input, Kind, Malformed
from streams.activation.profiles import Profile
from streams.activation.rendering import Rendered, Step
from streams.activation.timestamps import render_time
from streams.destinations import Account, Attribute, Destination, Segment
from streams.engine import Message
from streams.exports import Position

NOW_MS = 1_700_000_000_000
KEY = b"profile-1"

INPUTS = {
    "qualifications": Input(Kind.QUALIFICATION, "qualifications"),
    "exits": Input(Kind.EXIT, "exits"),
    "memberships": Input(Kind.MEMBERSHIP, "memberships"),
    "profiles": Input(Kind.FRAGMENT, "profiles"),
    "loyalty": Input(Kind.FRAGMENT, "loyalty"),
}
SOURCES = ("loyalty", "profiles", "qualifications", "exits", "memberships")


def an_attribute(path: str, target: str | None = None, *, mandatory: bool = False, **others: Any) -> Attribute:
    return Attribute(tuple(path.split(".")), tuple((target or path).split(".")), mandatory, **others)


def a_destination(
    name: str = "crm",
    *,
    segments: Sequence[str | Segment] = ("a",),
    attributes: Sequence[str | Attribute] = ("person.email",),
    **others: Any,
) -> Destination:
    return Destination(
        name,
        Account("https://api.example.com/v1"),
        segments=tuple(s if isinstance(s, Segment) else Segment(s) for s in segments),
        attributes=tuple(a if isinstance(a, Attribute) else an_attribute(a) for a in attributes),
        **others,
    )


def an_activation(*destinations: Destination, merge: Any = "newest") -> Activation:
    return Activation(destinations or (a_destination(),), SOURCES, merge=merge)


def a_time(second: float) -> str:
    """Return an event time some seconds into a day of 2020, to the microsecond."""
    return f"2020-05-25T{int(second) // 3600:02}:{int(second) // 60 % 60:02}:{second % 60:09.6f}Z"


def a_membership(
    segment: str = "a", second: float = 0, *, status: str | None = None, ids: Any = None, until_ms: int | None = None
) -> bytes:
    """Return a membership record; *until_ms* is when it ends by itself."""
    entry = {"lastQualificationTime": a_time(second)} | ({} if status is None else {"status": status})
    if until_ms is not None:
        entry["validUntil"] = render_time(until_ms * 1_000).decode()
    identities = {} if ids is None else {"identityMap": ids}
    return json.dumps({"segmentMembership": {"ups": {segment: entry}}} | identities).encode()


def a_fragment(**members: Any) -> bytes:
    return json.dumps(members).encode()


def decoded(
    source: Input, value: bytes | None, key: bytes | None = KEY, timestamp_ms: int = NOW_MS, now_ms: int = NOW_MS
) -> Change | Malformed:
    """Return what becomes of one record."""
    return decoder(source)(Message("topic", 0, 0, timestamp_ms, key, value, (), assignment=1), now_ms)


def change_of(topic: str, value: bytes | None, now_ms: int = NOW_MS) -> Change:
    change = decoded(INPUTS[topic], value, now_ms=now_ms)
    assert not isinstance(change, Malformed), change.detail
    return change


class Life:
    """One profile, to which records of topics happen; offsets count themselves unless told."""

    def __init__(self, activation: Activation | None = None, profile: Profile | None = None) -> None:
        self.activation = activation or an_activation()
        self.profile = profile or Profile()
        self.exports: list[Rendered] = []
        self._next: dict[str, int] = defaultdict(int)

    def take(
        self, topic: str, value: bytes | None, *, offset: int | None = None, timestamp: int = NOW_MS, now: int = NOW_MS
    ) -> Step:
        at = self._next[topic] if offset is None else offset
        self._next[topic] = at + 1
        change = change_of(topic, value, now)
        step = self.activation.apply(self.profile, change, Position(topic, 0, at, timestamp), now)
        self.exports += step.exports
        return step

    @property
    def last(self) -> Any:
        """The last export's body, read."""
        return json.loads(self.exports[-1].body)
