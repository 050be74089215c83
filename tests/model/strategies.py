"""Draws worlds: a worker's settings, destinations' documents, and what happens to a profile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.model.laws import Record, Setting

DAY_MS = 24 * 60 * 60 * 1000
OLD_MS = 40 * DAY_MS
"""How old records are whose exits are no longer shown."""
INPUTS: tuple[dict[str, Any], ...] = (
    {"qualifications": "qualification", "exits": "exit", "profiles": "fragment", "loyalty": "fragment"},
    {"memberships": "membership", "profiles": "fragment", "loyalty": "fragment"},
    {"memberships": "membership", "profiles": "fragment"},
)
SEGMENTS = (("ups", "a"), ("ups", "b"), ("crm", "c"), ("ups", "unmapped"))
PATHS = ("email", "tier", "person", "person.name", "person.name.first", "tags", "age")
NAMES = ("one", "two")


@dataclass(frozen=True)
class Crash:
    """A crash; the shares say how much of what was done was confirmed, exported, and committed of each input."""

    confirmed: float
    exported: float
    committed: tuple[float, float, float, float]
    order: int
    """How the inputs are read anew: the seed of a shuffle."""


@dataclass(frozen=True)
class Removal:
    """All is committed, and what was forgotten is removed."""


Event = Record | Crash | Removal


@dataclass(frozen=True)
class Example:
    """A setting, and what happens to one profile."""

    setting: Setting
    events: tuple[Event, ...]

    def __repr__(self) -> str:
        lines = [f"inputs {list(self.setting.inputs)}, merge {self.setting.merge}"]
        return "\n  ".join([*lines, *map(repr, self.setting.documents), *map(repr, self.events)])


def moment(now: int, seconds: int) -> str:
    """Return an event time, some seconds into the hour that began two hours ago."""
    past = datetime.fromtimestamp(now // 1000, UTC) - timedelta(hours=2) + timedelta(seconds=seconds)
    return past.strftime("%Y-%m-%dT%H:%M:%SZ")


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """Draw the usual in most cases."""
    return st.sampled_from([*[usual] * (2 * len(others)), *others])


ids = st.sampled_from(
    [
        {},
        {"ecid": [{"id": "1"}]},
        {"ecid": [{"id": "2"}, {"id": "1"}]},
        {"ecid": [{"id": "1", "primary": True}], "email": [{"id": "Ada@example.org"}]},
        {"email": [{"id": " ada@EXAMPLE.org "}, {"id": "bob@example.org"}], "phone": [{"id": "7"}]},
    ]
)
VALUES: dict[str, list[Any]] = {
    "email": ["one@example.com", "Two@example.com ", None],
    "tier": ["gold", 7, 7.5, True],
    "person": [{"name": {"first": "Ada"}, "age": 36}, {"name": {"last": "Lovelace"}}, {"name": "Ada"}, "odd"],
    "tags": [["x", "y"], [], [{"z": 1}]],
    "age": [1, 1.0, 10**30],
}
_YES, _NO = {"val": "y"}, {"val": "n"}
CONSENTS: list[Any] = [
    {"marketing": {"email": _YES}},
    {"marketing": {"email": _YES}, "share": _YES},
    {"marketing": {"any": _NO, "email": _YES}},
    {"marketing": {"any": _YES}},
    {"marketing": {"email": _NO}, "share": _YES},
    {"marketing": {"email": _YES}, "idSpecific": {"ecid": {"1": {"marketing": {"email": _NO}}}}},
    {"idSpecific": {"ecid": {"1": {"marketing": {"email": _YES}, "share": _YES}}}},
]


@dataclass(frozen=True)
class Words:
    """What one example talks of: the less, the more often it comes together."""

    segments: tuple[tuple[str, str], ...]
    paths: tuple[str, ...]
    asks: bool = False
    """Whether destinations need consent."""

    @property
    def members(self) -> list[str]:
        """What its fragments hold."""
        return list(dict.fromkeys(path.split(".")[0] for path in self.paths))


@st.composite
def words(draw: st.DrawFn) -> Words:
    """Draw what an example talks of."""
    segments = draw(st.lists(st.sampled_from(SEGMENTS[:3]), min_size=1, max_size=2, unique=True))
    paths = draw(st.lists(st.sampled_from(PATHS), min_size=1, max_size=3, unique=True))
    return Words((*segments, *draw(mostly((), SEGMENTS[3:]))), tuple(paths), draw(st.booleans()))


@st.composite
def entries(draw: st.DrawFn, kind: str, now: int) -> dict[str, Any]:
    """Draw what is said of one membership."""
    words = {"qualification": ["realized", "realized", "existing", None], "exit": ["exited", None]}
    status = draw(st.sampled_from(words.get(kind, ["realized", "exited", "existing", "exited"])))
    return {"lastQualificationTime": moment(now, draw(st.integers(0, 3)))} | (
        {} if status is None else {"status": status}
    )


@st.composite
def fragments(draw: st.DrawFn, of: Words) -> dict[str, Any] | None:
    """Draw a fragment, or a null."""
    if draw(mostly(False, True, False)):
        return None
    value = {name: draw(st.sampled_from(VALUES[name])) for name in of.members if draw(mostly(True, False))}
    value |= {"consents": draw(st.sampled_from(CONSENTS))} if of.asks and draw(mostly(True, False)) else {}
    value |= {"identityMap": draw(ids)} if draw(mostly(False, True)) else {}
    return value | ({"unmapped": 1} if draw(mostly(False, True)) else {})


@st.composite
def records(draw: st.DrawFn, inputs: dict[str, Any], of: Words, now: int) -> Record:
    """Draw a record of any input."""
    topic = draw(st.sampled_from([*inputs, next(iter(inputs)), next(iter(inputs))]))
    timestamp = now - draw(st.sampled_from([0, 0, 1, 2, OLD_MS]))
    if inputs[topic] == "fragment":
        return Record(topic, draw(fragments(of)), timestamp)
    value: dict[str, Any] = {"segmentMembership": {}}
    for namespace, segment in draw(st.lists(st.sampled_from(of.segments), min_size=1, max_size=2, unique=True)):
        value["segmentMembership"].setdefault(namespace, {})[segment] = draw(entries(inputs[topic], now))
    return Record(topic, value | ({"identityMap": draw(ids)} if draw(mostly(False, True)) else {}), timestamp)


SELECTIONS: list[dict[str, Any]] = [
    {"identities": []},
    {"identities": ["ecid"]},
    {"identities": [{"namespace": "email", "target": "mail", "hash": "sha256"}, "phone"]},
    {"identities": [{"namespace": "email", "target": "contact"}, {"namespace": "phone", "target": "contact"}]},
]


@st.composite
def documents(draw: st.DrawFn, name: str, of: Words, now: int) -> dict[str, Any]:
    """Draw a destination."""
    attributes = [
        {"source": path, "target": draw(st.sampled_from([f"t{number}", f"deep.t{number}", f"deep.er.t{number}"]))}
        | draw(mostly({}, {"mandatory": True}))
        | draw(mostly({}, {"hash": "sha256"}, {"deduplicationKey": True}, {"deduplicationKey": True, "hash": "sha256"}))
        for number, path in enumerate(of.paths)
        if draw(mostly(True, False))
    ]
    segments = [
        {"id": each, "namespace": namespace} | draw(st.sampled_from([{}, {"name": f"The {each}s"}]))
        for namespace, each in of.segments
        if each != "unmapped"
    ]
    more = {
        "absent": draw(mostly("omit", "null")),
        "triggers": draw(mostly("changed", "written")),
        "status": draw(mostly("alpha", "ga")),
        "includeSegmentNames": draw(mostly(False, True)),
    } | draw(mostly({}, {"since": since(now)}))
    more |= draw(mostly({}, *SELECTIONS)) | draw(mostly({}, {"requiredIdentity": "ecid"}))
    if of.asks and draw(mostly(True, False)):
        needs = draw(st.sampled_from([["marketing.email"], ["marketing.email", "share"], ["marketing.any"]]))
        more["consent"] = {"needs": needs, "absent": draw(mostly("denied", "granted"))}
    account = {"httpEndpoint": "https://api.example.com/v1"}
    chosen = segments if draw(st.booleans()) else segments[:1]
    document = {"kind": "destination", "name": name, "account": account, "segments": chosen, "attributes": attributes}
    return {**document, **more}


def since(now: int) -> str:
    """Return a time between the timestamps of records."""
    return datetime.fromtimestamp((now - 1) / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


shares = st.sampled_from([0.0, 0.3, 0.7, 1.0])
crashes = st.builds(
    Crash,
    confirmed=shares,
    exported=shares,
    committed=st.tuples(*[shares] * 4),
    order=st.integers(0, 7),
)


@st.composite
def examples(draw: st.DrawFn, now: int, *, crashing: bool = False) -> Example:
    """Draw a setting and a life."""
    inputs, of = draw(st.sampled_from(INPUTS)), draw(words())
    merge: Any = draw(st.sampled_from(["newest", "precedence"]))
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    setting = Setting(inputs, merge, [draw(documents(name, of, now)) for name in names])
    event: st.SearchStrategy[Event] = records(inputs, of, now)
    others = [st.builds(Removal), crashes] if crashing else [st.builds(Removal)]
    event = st.one_of(*[event] * 6, *others)
    return Example(setting, tuple(draw(st.lists(event, min_size=1, max_size=16))))
