"""Random records of one profile, over all topics, and a model that says what must be known in the end."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from streams.activation.events import Change
from streams.activation.profiles import Profile
from streams.activation.slots import is_later
from streams.activation.timestamps import parse_time
from streams.destinations import Consent, Destination
from streams.exports import Position
from tests.records import (
    NOW_MS,
    SOURCES,
    a_destination,
    a_fragment,
    a_membership,
    an_activation,
    an_attribute,
    change_of,
)

DESTINATIONS = (
    a_destination("crm", segments=["a", "b"], attributes=["email", "tier"]),
    a_destination("ads", segments=["b"], attributes=[an_attribute("email", "contact.email", mandatory=True), "tier"]),
    a_destination("ids", segments=["a"], attributes=[]),
    a_destination("all", segments=["a", "b"], attributes=["email"], triggers="written"),
)
COMMANDS = "commands"
"""The topic on which a worker asks itself to expire what is due."""
LATE = a_destination("late", segments=["a", "b"], attributes=["email"], since=NOW_MS - 1)
"""One for which half of the records are too early."""
CONSENTING = (
    a_destination("careful", segments=["a", "b"], attributes=["email"], consent=Consent(("share",))),
    a_destination(
        "lax",
        segments=["b"],
        attributes=[an_attribute("email", "contact.email", mandatory=True), "tier"],
        consent=Consent(("share",), absent="granted"),
    ),
    a_destination("bare", segments=["a"], attributes=[], consent=Consent(("share",)), triggers="written"),
    a_destination("young", segments=["a", "b"], attributes=["email"], consent=Consent(("share",)), since=NOW_MS - 1),
)
"""Those that need consent."""


@dataclass(frozen=True)
class Record:
    topic: str
    value: bytes | None
    position: Position

    def change(self, now_ms: int = NOW_MS) -> Change:
        """Return what it says, read at a time."""
        return change_of(self.topic, self.value, now_ms)


people = st.sampled_from([None, "one@example.com", "two@example.com"])
identity_maps = st.sampled_from([None, None, {}, {"ecid": [{"id": "1"}]}, {"ecid": [{"id": "2"}, {"id": "1"}]}])
YES, NO = {"share": {"val": "y"}}, {"share": {"val": "n"}}
sayings = st.sampled_from(
    [
        *(None, None, YES, YES, NO, NO, {"share": {"val": 7}}),
        *({"idSpecific": {"ecid": {"1": NO}}}, {"idSpecific": {"ecid": {"1": YES, "2": NO}}}),
        *(YES | {"idSpecific": {"ecid": {"1": NO}}}, NO | {"idSpecific": {"ecid": {"1": YES}}}),
    ]
)
"""What a fragment says of consent."""


untils = st.sampled_from([None, None, -5, 15, 45, 500, 60_000])
"""How many milliseconds after NOW_MS a membership ends; a worker's clock runs for some 1 300."""

inputs = st.sampled_from([("qualifications", "exits"), ("memberships", "memberships")])
"""Either one topic for both kinds or one for each, as the settings have it."""


@st.composite
def _values(draw: st.DrawFn, topics: tuple[str, ...], nulls: int) -> tuple[str, bytes | None]:
    topic = draw(st.sampled_from([*topics, "profiles", "loyalty"]))
    ids = draw(identity_maps)
    if topic in ("profiles", "loyalty"):
        if draw(st.integers(0, nulls)) == 0:
            return topic, None
        email, tier = draw(people), draw(st.sampled_from([None, "gold"]))
        members: dict[str, Any] = {
            "email": email,
            "tier": tier,
            "unmapped": draw(st.integers(0, 1)),
            "identityMap": ids,
        }
        members["consents"] = draw(sayings)
        return topic, a_fragment(**{name: value for name, value in members.items() if value is not None})
    words = {"qualifications": ["realized", "existing", None], "exits": ["exited", None]}
    status = draw(st.sampled_from(words.get(topic, ["realized", "existing", "exited"])))
    segment = draw(st.sampled_from(["a", "b", "unmapped"]))
    return topic, a_membership(segment, draw(st.integers(0, 4)), status=status, ids=ids, until_ms=_end(draw(untils)))


def _end(until: int | None) -> int | None:
    return None if until is None else NOW_MS + until


@st.composite
def _streams(draw: st.DrawFn, nulls: int) -> list[Record]:
    offsets: dict[str, int] = {}
    records = []
    for topic, value in draw(st.lists(_values(draw(inputs), nulls), max_size=14)):
        offsets[topic] = offset = offsets.get(topic, 4) + 1
        timestamp = NOW_MS - draw(st.integers(0, 3))
        records.append(Record(topic, value, Position(topic, 0, offset, timestamp)))
    return records


streams = _streams(nulls=5)
"""Records of one profile, in the order in which they are read first; times and timestamps in no order at all."""


@st.composite
def _lives(draw: st.DrawFn) -> list[Record]:
    """Return a life, a null, perhaps another life and another null, in ascending time and with few other records."""
    offsets: dict[str, int] = {}
    records = []
    topics = draw(inputs)
    for second in range(draw(st.integers(2, 9))):
        what = draw(st.sampled_from(["in", "in", "out", "out", "null", "null", "fragment"]))
        topic = {"in": topics[0], "out": topics[1]}.get(what, "profiles")
        status = {"in": "realized", "out": "exited"}.get(what)
        value = None if what == "null" else a_fragment(email="one@example.com", tier="gold")
        if status:
            segment = draw(st.sampled_from(["a", "b", "b", "unmapped"]))
            value = a_membership(segment, second, status=status, ids=draw(identity_maps), until_ms=_end(draw(untils)))
        elif value is not None:
            more = {"consents": each} if (each := draw(sayings)) else {}
            value = a_fragment(tier="gold", **({"email": "one@example.com"} if draw(st.booleans()) else {}), **more)
        offsets[topic] = offset = offsets.get(topic, 4) + 1
        timestamp = NOW_MS - draw(st.sampled_from([0, 0, 2]))
        records.append(Record(topic, value, Position(topic, 0, offset, timestamp)))
    return records


lives = _lives()
"""The same of one that is forgotten often: what happens is what in random streams needs many coincidences."""


def applied(records: Iterable[Record], profile: Profile | None = None) -> Profile:
    """Return the profile after *records*."""
    activation, profile = an_activation(*DESTINATIONS), profile or Profile()
    for record in records:
        activation.apply(profile, record.change(), record.position, NOW_MS)
    return profile


@dataclass
class Known:
    """What must be known of a profile after records in this order, by the laws, computed without slots or positions."""

    inside: dict[str, bool] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    identities: set[str] = field(default_factory=set)
    untold: set[str] = field(default_factory=set)
    """Segments that the profile is out of, and was not in that anybody knew: they ended before they came."""
    consents: Any = field(default_factory=dict)

    def permitted(self, destination: Destination) -> set[str] | None:
        """Return the identities that *destination* may be sent; None if it may be sent nothing."""
        if destination.consent is None:
            return self.identities
        whole = _val(self.consents)
        own = {
            each: _val(self.consents.get("idSpecific", {}).get("ecid", {}).get(each, {})) for each in self.identities
        }
        fallback = destination.consent.absent == "granted" if whole is None else whole
        permitted = {each for each in self.identities if (fallback if own[each] is None else own[each])}
        nobody = not permitted if self.identities else not fallback
        return None if whole is False or nobody else permitted


def _val(consents: Any) -> bool | None:
    said = consents.get("share", {}).get("val")
    return None if said is None else said == "y"


def _merged(lower: Any, higher: Any) -> Any:
    if not (isinstance(lower, dict) and isinstance(higher, dict)):
        return higher
    return lower | {name: _merged(lower[name], each) if name in lower else each for name, each in higher.items()}


class Model:
    """Takes records in the order in which they count."""

    def __init__(self) -> None:
        self.memberships: dict[str, tuple[str, bool]] = {}
        """By segment the time and whether it was an exit: the greatest of both wins."""
        self.fragments: dict[str, tuple[int, int, dict[str, Any]]] = {}
        self.identities: dict[str, Any] = {}
        self._before: dict[str, tuple[str, bool]] = {}
        self._ends: dict[str, tuple[str, int]] = {}
        """Of segments that the profile is in until some moment: by which record, and when, in milliseconds."""
        self._untold: set[str] = set()
        self._writers: dict[str, Position] = {}
        """The record that said last how a segment stands, in this life or the one before."""

    def take(self, record: Record, now_ms: int = NOW_MS) -> None:
        if record.value is None:
            self._null(record.topic)
            return
        value = json.loads(record.value)
        if record.topic == COMMANDS:
            self._expire(value, record.position, now_ms)
            return
        if record.topic in ("profiles", "loyalty"):
            self.fragments[record.topic] = record.position.timestamp, -SOURCES.index(record.topic), value
        for segment, entry in value.get("segmentMembership", {}).get("ups", {}).items():
            out = entry.get("status", "exited" if record.topic == "exits" else "realized") == "exited"
            event = entry["lastQualificationTime"], out
            if event >= self.memberships.get(segment, self._before.get(segment, ("", False))):
                if segment not in self.memberships and self._is_an_echo(segment, event, record):
                    continue
                self._write(segment, event, record, entry.get("validUntil"))
                self.again(record, now_ms)
        if "identityMap" in value:
            self.identities[record.topic] = value["identityMap"]

    def _is_an_echo(self, segment: str, event: tuple[str, bool], record: Record) -> bool:
        """Whether the life before had the same event, by a record that is not earlier (a membership that ended)."""
        return event == self._before.get(segment) and not is_later(record.position, self._writers[segment])

    def again(self, record: Record, now_ms: int) -> None:
        """Note that a record is read, perhaps again: what has ended since has ended by it."""
        for segment, (writer, until_ms) in list(self._ends.items()):
            if writer == record.position.text and until_ms <= now_ms:
                self._exit(segment, record.position)

    def _write(self, segment: str, event: tuple[str, bool], record: Record, until: str | None) -> None:
        is_new = segment not in self.memberships or segment in self._untold
        self.memberships[segment] = event
        self._writers[segment] = record.position
        self._ends.pop(segment, None)
        if not event[1]:
            self._untold.discard(segment)
        if until is not None and not event[1]:
            self._ends[segment] = record.position.text, parse_time(until) // 1_000
            if is_new:
                self._untold.add(segment)

    def _exit(self, segment: str, position: Position) -> None:
        self._writers[segment] = position
        self.memberships[segment] = self.memberships[segment][0], True
        del self._ends[segment]

    def _expire(self, command: Any, position: Position, now_ms: int) -> None:
        for due in command["memberships"]:
            writer, until_ms = self._ends.get(due["segment"], ("", now_ms + 1))
            if writer == due["position"] and until_ms <= now_ms:
                self._exit(due["segment"], position)

    def _null(self, topic: str) -> None:
        if self.fragments.keys() - {topic}:
            self.fragments.pop(topic, None)
            self.identities.pop(topic, None)
            return
        self._before |= self.memberships
        self.memberships, self.fragments, self.identities = {}, {}, {}
        self._ends, self._untold = {}, set()

    def removed(self) -> None:
        """Note that what was kept of a forgotten life is gone: nothing is older than it any more."""
        self._before = {}

    @property
    def known(self) -> Known:
        values: dict[str, Any] = {}
        consents: Any = {}
        for _, _, fragment in sorted(self.fragments.values(), key=lambda entry: entry[:2]):
            values |= {name: fragment[name] for name in ("email", "tier") if name in fragment}
            consents = _merged(consents, fragment.get("consents", {}))
        items = [item for one in self.identities.values() for items in one.values() for item in items]
        inside = {segment: not out for segment, (_, out) in self.memberships.items()}
        return Known(inside, values, {item["id"] for item in items}, self._untold, consents)


def says_all(destination: Destination, body: Any, truth: Known) -> bool:
    """Whether *body*, the last that *destination* was sent, leaves out nothing that it must have been told."""
    mapped = {s.id: truth.inside[s.id] for s in destination.segments if s.id in truth.inside}
    told = {} if body is None else said(body)
    mapped = {s: inside for s, inside in mapped.items() if inside or s not in truth.untold}
    permitted = truth.permitted(destination)
    if destination.consent is not None and (permitted is None or not any(mapped.values())):
        return not any(told.values())  # which exits it was told depends on what was consented to then
    if destination.consent is not None and _waits(destination, mapped, truth):
        return True
    if _waits(destination, mapped, truth):
        return all(told.get(segment) is False for segment, inside in mapped.items() if not inside)
    forgotten = told.keys() - mapped.keys()
    if {**mapped, **dict.fromkeys(forgotten, False)} != told or (forgotten - truth.untold and mapped):
        return False
    if body is None or not any(mapped.values()):
        return True  # outside, a change of attributes or identities is nobody's business
    identities = {item["id"] for items in body.get("identityMap", {}).values() for item in items}
    return identities == permitted and attributes(destination, body) == {
        a.source[0]: truth.values[a.source[0]] for a in destination.attributes if a.source[0] in truth.values
    }


def said(body: Any) -> dict[str, bool]:
    """Return the segments that *body* speaks of, and whether it says "in"."""
    memberships = body["segmentMembership"].get("ups", {})
    return {segment: entry["status"] != "exited" for segment, entry in memberships.items()}


def _waits(destination: Destination, mapped: dict[str, bool], truth: Known) -> bool:
    missing = any(a.mandatory and a.source[0] not in truth.values for a in destination.attributes)
    return missing and any(mapped.values())


def attributes(destination: Destination, body: Any) -> dict[str, Any]:
    found = {}
    for attribute in destination.attributes:
        node = body
        for name in attribute.target:
            node = node.get(name) if isinstance(node, dict) else None
        if node is not None:
            found[attribute.source[0]] = node
    return found
