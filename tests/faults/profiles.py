"""The profiles of a run: what is put in about them, and what an export of each of their states must be.

A profile is always in one segment and turns in and out of another, so each of its records has an export. It has a
*version*, an attribute that each new fragment raises, and a *step*, the number of its last membership record; its
state is the two. Times follow from the steps, so nothing but the oracle's own numbers says what is newer.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

ANCHOR, TURNING = "segment-anchor", "segment-turning"
ATTRIBUTES = ("person.id", "person.version", "person.name")

WITHDRAWABLE = frozenset({"name"})
"""What of a person a row may withdraw; without the rest nobody would know what a body is about."""

_BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)


class State(NamedTuple):
    """How much of what was put in about a profile is known; 0 = nothing of that kind."""

    version: int
    step: int

    def includes(self, other: State) -> bool:
        """Whether all that makes the *other* state is known in this one."""
        return self.version >= other.version and self.step >= other.step


@dataclass(frozen=True, slots=True)
class Marks:
    """The canaries of a run: *person* is in every profile's id and data, *secret* in every secret."""

    person: str
    secret: str

    @property
    def all(self) -> tuple[str, str]:
        """Both."""
        return self.person, self.secret


def profile_id(marks: Marks, number: int) -> str:
    """Return the id of a profile, which is the key of its records."""
    return f"{marks.person}-{number:07d}"


def time_of(step: int) -> str:
    """Return the event time of a profile's *step*."""
    return (_BEGINNING + timedelta(seconds=step)).strftime("%Y-%m-%dT%H:%M:%SZ")


def segment_of(step: int) -> str:
    """Return the segment that a *step* is about."""
    return ANCHOR if step == 1 else TURNING


def status_of(step: int) -> str:
    """Return the status that a *step* brings: into the anchor first, then in and out of the other in turns."""
    return "exited" if step > 1 and step % 2 else "realized"


def fragment(profile: str, version: int, padding: int = 0) -> bytes:
    """Return a profile's fragment; *padding* more bytes of it are mapped nowhere."""
    person = {"id": profile, "version": version, "name": _name(profile)}
    return _json({"person": person, "unmapped": {"diary": f"{profile} stays at home", "padding": "x" * padding}})


def membership(profile: str, step: int) -> bytes:
    """Return a profile's membership record of a *step*."""
    return _json({"segmentMembership": {"ups": {segment_of(step): _entry(step)}}, "identityMap": _identities(profile)})


def expected(profile: str, state: State, lacks: Collection[str] = ()) -> dict[str, Any]:
    """Return the body that an export of a *state* must have, attribute for attribute and nothing more.

    It *lacks* what of a person was withdrawn from the destination.
    """
    segments = {ANCHOR: _entry(1)} if state.step else {}
    if state.step > 1:
        segments[TURNING] = _entry(state.step)
    body: dict[str, Any] = {"segmentMembership": {"ups": segments}, "identityMap": _identities(profile)}
    if state.version:
        person = {"id": profile, "version": state.version, "name": _name(profile)}
        body["person"] = {name: value for name, value in person.items() if name not in lacks}
    return body


class Said(NamedTuple):
    """What a body says it is about."""

    profile: str
    state: State
    lacks: frozenset[str] = frozenset()
    """What of a person, of all that may be withdrawn, it does not tell."""


def said_by(body: bytes) -> Said | None:
    """Return what a body is about, or None when it is not a body that ``expected`` gives for any state."""
    try:
        parsed = json.loads(body)
        profile = parsed["identityMap"]["crm"][0]["id"]
        version = parsed["person"]["version"] if "person" in parsed else 0
        segments = parsed["segmentMembership"]["ups"]
        latest = max(datetime.fromisoformat(entry["lastQualificationTime"]) for entry in segments.values())
        state = State(version, round((latest - _BEGINNING).total_seconds()))
        lacks = frozenset(WITHDRAWABLE - parsed["person"].keys() if "person" in parsed else ())
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None
    return Said(profile, state, lacks) if parsed == expected(profile, state, lacks) else None


def _entry(step: int) -> dict[str, str]:
    return {"lastQualificationTime": time_of(step), "status": status_of(step)}


def _identities(profile: str) -> dict[str, Any]:
    return {"crm": [{"id": profile}]}


def _name(profile: str) -> str:
    return f"Name of {profile}"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
