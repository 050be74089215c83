"""What holds of every export, whatever is mapped and whatever comes: nothing unmapped, nothing older, nothing lost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.activate import Activation
from streams.activation.asked import Asked
from streams.activation.events import Malformed
from streams.activation.hashing import hashed_text
from streams.activation.profiles import Profile
from streams.activation.rendering import Rendered
from streams.activation.targets import Trigger
from streams.destinations import Attribute, Destination, Hash, Identity, Segment
from streams.exports import Position
from streams.profile_commands import ReExport
from tests.records import INPUTS, NOW_MS, SOURCES, a_destination, a_time, decoded

NAMES = ("a", "b")
SEGMENTS = (("ups", "a"), ("ups", "b"), ("own", "a"), ("own", "unmapped"))
NAMESPACES = ("ecid", "email", "crm")
MERGES = st.sampled_from(["newest", "precedence"])
CLEAR = "clear "
"""What each value of a record begins with; then it says where it stands."""


def _paths(names: Sequence[str] = NAMES) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(names), min_size=1, max_size=2).map(tuple)


hashes: st.SearchStrategy[Hash | None] = st.sampled_from([None, None, "sha256"])


@st.composite
def _attributes(draw: st.DrawFn, waits: bool) -> list[Attribute]:
    """Return attributes to targets of their own; a source may be an object, and the source of several."""
    return [
        Attribute(
            source,
            ("t", f"t{number}"),
            mandatory=waits and draw(st.integers(0, 5)) == 0,
            deduplication_key=draw(st.booleans()),
            hash=draw(hashes),
        )
        for number, source in enumerate(draw(st.lists(_paths(), max_size=4)))
    ]


@st.composite
def _identities(draw: st.DrawFn) -> tuple[Identity, ...] | None:
    if draw(st.booleans()):
        return None
    selected = draw(st.lists(st.sampled_from(NAMESPACES), unique=True))
    return tuple(Identity(name, draw(st.sampled_from([name, "shared"])), draw(hashes)) for name in selected)


@st.composite
def destinations(draw: st.DrawFn, *, triggers: Any = None, waits: bool = True) -> Destination:
    """Return a destination of one kind of *triggers*, or of any; *waits* says whether an entry may have to wait."""
    segments = draw(st.lists(st.sampled_from(SEGMENTS[:3]), min_size=1, unique=True))
    return a_destination(
        segments=[Segment(each, namespace, f"name of {namespace} {each}", 1, 2, 3, 4) for namespace, each in segments],
        attributes=draw(_attributes(waits)),
        identities=draw(_identities()),
        required_identities=draw(st.sampled_from([(), (), ("ecid",)])) if waits else (),
        include_segment_names=draw(st.booleans()),
        include_segment_timestamps=draw(st.booleans()),
        absent=draw(st.sampled_from(["omit", "null"])),
        status=draw(st.sampled_from(["alpha", "ga"])),
        triggers=triggers or draw(st.sampled_from(["changed", "written"])),
    )


@st.composite
def _fragments(draw: st.DrawFn, source: str) -> dict[str, Any]:
    """Return a fragment whose every value says its path, and which source says it."""

    def value(*path: str) -> Any:
        text = f"{CLEAR}{'.'.join(path)} of {source} {draw(st.integers(0, 1))}"
        return draw(st.sampled_from([text, [text], {"x": text}, None]))

    fragment: dict[str, Any] = {}
    for name in draw(st.sets(st.sampled_from((*NAMES, "unmapped")))):
        below = draw(st.sets(st.sampled_from(NAMES)))
        fragment[name] = {each: value(name, each) for each in sorted(below)} if below else value(name)
    return fragment


@st.composite
def _identity_maps(draw: st.DrawFn) -> Any:
    names = draw(st.lists(st.sampled_from(NAMESPACES), unique=True))
    return {name: [{"id": f"{CLEAR}{name} {draw(st.integers(0, 1))}", "primary": True}] for name in names}


@st.composite
def _memberships(draw: st.DrawFn, inside: bool) -> Any:
    words = ["realized", "existing", None] if inside else ["exited", None]
    found: dict[str, dict[str, Any]] = {}
    for namespace, segment in draw(st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=3, unique=True)):
        status = draw(st.sampled_from(words))
        entry = {"lastQualificationTime": a_time(draw(st.integers(0, 2)))} | ({"status": status} if status else {})
        found.setdefault(namespace, {})[segment] = entry
    return found


class Record:
    """A record, and where it stands."""

    def __init__(self, topic: str, value: Any, position: Position) -> None:
        self.value, self.position = None if value is None else json.dumps(value).encode(), position
        change = decoded(INPUTS[topic], self.value)
        assert not isinstance(change, Malformed), change.detail
        self.topic, self.change = topic, change

    def __repr__(self) -> str:
        return f"{self.position.text}@{self.position.timestamp - NOW_MS}: {self.value!r}"


@st.composite
def streams(draw: st.DrawFn, *, nulls: bool = True) -> list[Record]:
    """Return records of one profile in the order in which they are read; their times are in no order."""
    records: list[Record] = []
    topics = st.sampled_from(["profiles", "loyalty", "qualifications", "qualifications", "exits", "exits"])
    for offset, topic in enumerate(draw(st.lists(topics, min_size=2, max_size=10))):
        value: Any = {}
        if topic in ("profiles", "loyalty"):
            value = None if nulls and draw(st.integers(0, 4)) == 0 else draw(_fragments(topic))
        else:
            value = {"segmentMembership": draw(_memberships(topic == "qualifications"))}
        if value is not None and draw(st.booleans()):
            value["identityMap"] = draw(_identity_maps())
        records.append(Record(topic, value, Position(topic, 0, offset, NOW_MS - draw(st.integers(0, 3)))))
    return records


class Worker:
    """Applies records to one profile, and remembers what it exports."""

    def __init__(self, destination: Destination, merge: Any) -> None:
        self.destination, self.activation = destination, Activation([destination], SOURCES, merge=merge)
        self.profile, self.exports, self.now = Profile(), list[Rendered](), NOW_MS

    def take(self, record: Record) -> None:
        self.now += 1
        self.exports += self.activation.apply(self.profile, record.change, record.position, self.now).exports

    def rendered(self) -> list[Rendered]:
        """Return what the destination would be sent of the profile as it stands."""
        asked = Asked(ReExport(destination=self.destination.incarnation))
        return self.activation.re_export(self.profile, asked, Position("commands", 0, 0, NOW_MS), self.now).exports


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each value that is no object, with the names that lead to it; items of an array stand where it does."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from leaves(below, (*path, name))
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, path)
    else:
        yield path, value


def assert_only_what_is_mapped(destination: Destination, body: dict[str, Any]) -> None:
    memberships, identity_map = body.pop("segmentMembership"), body.pop("identityMap", {})
    mapped = {(each.namespace, each.id): each for each in destination.segments}
    for namespace, entries in memberships.items():
        for segment, entry in entries.items():
            told = destination.told_of(mapped[namespace, segment])
            assert entry.keys() == {"lastQualificationTime", "status", *told}
            assert entry.items() >= told.items()
    _assert_identities(destination, identity_map)
    targets = {attribute.target: attribute for attribute in destination.attributes}
    for path, value in leaves(body):
        attribute = targets[path[0], path[1]]
        if value is None:
            continue
        if attribute.hash is not None:
            assert (len(path), len(value)) == (2, 64)
            continue
        assert value.startswith(CLEAR)
        where, _, _ = value.removeprefix(CLEAR).partition(" ")
        assert tuple(where.split("."))[: len(attribute.source)] == attribute.source


def _assert_identities(destination: Destination, identity_map: dict[str, Any]) -> None:
    selected = destination.identities
    for target, items in identity_map.items():
        named = [each for each in selected or () if each.target == target]
        allowed = {f"{CLEAR}{each.namespace} {n}" for each in named if each.hash is None for n in (0, 1)}
        allowed |= {str(hashed_text(f"{CLEAR}{each.namespace} {n}")) for each in named if each.hash for n in (0, 1)}
        if selected is None:
            allowed = {f"{CLEAR}{target} {n}" for n in (0, 1)}
        assert {item["id"] for item in items} <= allowed


@settings(deadline=None)
@given(destinations(), streams(), MERGES)
def test_nothing_that_is_not_mapped_ever_leaves(destination: Destination, records: list[Record], merge: Any) -> None:
    worker = Worker(destination, merge)
    for record in records:
        worker.take(record)

    for export in [*worker.exports, *worker.rendered()]:
        assert_only_what_is_mapped(destination, json.loads(export.body))


def times(body: bytes) -> dict[tuple[str, str], tuple[str, bool]]:
    """Return by segment the time of its event, and whether it says "out": of two with the same time that is later."""
    return {
        (namespace, segment): (entry["lastQualificationTime"], entry["status"] == "exited")
        for namespace, entries in json.loads(body)["segmentMembership"].items()
        for segment, entry in entries.items()
    }


@settings(deadline=None)
@given(destinations(), streams(nulls=False), MERGES)
def test_no_export_tells_of_an_event_that_is_older_than_one_told_before(
    destination: Destination, records: list[Record], merge: Any
) -> None:
    worker, known = Worker(destination, merge), dict[tuple[str, str], tuple[str, bool]]()
    for record in records:
        worker.take(record)
    for export in worker.exports:
        for segment, event in times(export.body).items():
            assert known.setdefault(segment, event) <= event
            known[segment] = event


def shuffled(records: Sequence[Record], random: Any) -> list[Record]:
    """Return *records* in another order that their topics may be read in: each topic's own order stays."""
    topics = [record.topic for record in records]
    random.shuffle(topics)
    waiting = {topic: iter([record for record in records if record.topic == topic]) for topic in topics}
    return [next(waiting[topic]) for topic in topics]


@settings(deadline=None)
@given(destinations(triggers="written", waits=False), streams(nulls=False), MERGES, st.randoms(use_true_random=False))
def test_the_last_export_says_what_any_order_of_all_records_comes_to(
    destination: Destination, records: list[Record], merge: Any, random: Any
) -> None:
    """Where each write is told and nothing waits, the last export of one who is in says all: others may be lost."""
    worker, other = Worker(destination, merge), Worker(destination, merge)
    for record in records:
        worker.take(record)
    for record in shuffled(records, random):
        other.take(record)

    rendered = other.rendered()
    is_inside = any(not out for each in rendered for _, out in times(each.body).values())
    if is_inside and rendered[-1].meta.trigger == Trigger.RE_EXPORT:
        assert json.loads(worker.exports[-1].body) == json.loads(rendered[-1].body)
