"""What to declare of an input whose records are flat JSON: paths that would fit, tried on the sample. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from streams.activation.decoding import Record, decoder
from streams.activation.events import STATUSES, Input, Kind, Malformed, MembershipPaths, Path, Status
from streams.activation.framing import unframed
from streams.activation.strict_json import Unreadable, read_object
from streams.sampling.leaves import INSIDE, MOST_SHARE, OUTSIDE, PAIRS, Leaf, envelopes, leaves

_SEGMENT_WORDS = {"segment": 4, "seg": 4, "audience": 4, "aud": 4, "cohort": 4, "list": 2, "group": 2, "campaign": 2}
_ID_WORDS = {"id": 2, "key": 1, "name": 1, "code": 1}
_TIME_WORDS = {
    "ts": 3,
    "time": 3,
    "timestamp": 3,
    "at": 2,
    "date": 2,
    "datetime": 3,
    "occurred": 2,
    "event": 1,
    "when": 2,
}
_STATUS_WORDS = {"status": 3, "action": 3, "op": 2, "operation": 3, "event": 1, "type": 1, "change": 2, "state": 2}
_ENVELOPES = frozenset(
    ("data", "attributes", "traits", "payload", "value", "after", "profile", "user", "customer", "fields", "record")
)
"""What people call the object that holds all attributes."""
_IDENTITY_WORDS = frozenset(("id", "ecid", "guid", "uuid"))
_UNITS = {"seconds": 1_000_000, "milliseconds": 1_000}
_QUOTED = frozenset(["true", "false", "yes", "no", "on", "off", "y", "n", "null"])

ROLES = {
    Kind.QUALIFICATION: "qualifications",
    Kind.EXIT: "exits",
    Kind.MEMBERSHIP: "memberships",
    Kind.FRAGMENT: "profiles",
}


class Proposal(NamedTuple):
    """What to paste into the settings, what it means, and how many records of the sample it decodes."""

    yaml: str
    source: Input
    decoded: int


def combined(texts: Sequence[str]) -> str | None:
    """Return several proposals as one; None where two of them are for a role that only one topic can have."""
    parts = [text.removeprefix("inputs:\n") for text in texts]
    items = [part.removeprefix("  profiles:\n") for part in parts if part.startswith("  profiles:")]
    others = [part for part in parts if not part.startswith("  profiles:")]
    roles = [part.partition(":")[0].strip() for part in others]
    if len({*roles}) < len(roles) or ("memberships" in roles and len(roles) > 1):
        return None
    return "\n".join(["inputs:", *others, *(["  profiles:", *items] if items else [])])


def objects_of(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return the values that are JSON objects."""
    found = []
    for record in records:
        try:
            found.append(read_object(unframed(record.value or b"")))
        except Unreadable:
            continue
    return found


def fields_of(records: Iterable[Record]) -> list[str]:
    """Return the paths that most of *records* have, as they would be declared; names only, nobody's data."""
    return [_shown(leaf.path) for leaf in leaves(objects_of(records))]


def decoded(source: Input, records: Iterable[Record], now_ms: int) -> int:
    """Return how many of *records* that input would read."""
    decode = decoder(source)
    return sum(not isinstance(decode(record, now_ms), Malformed) for record in records)


def memberships(topic: str, kind: Kind, records: Sequence[Record], now_ms: int) -> Proposal | None:
    """Return what would make memberships of *records*; None where nothing there looks like a segment."""
    found = leaves(objects_of(records))
    segment = _best(found, _segment_score)
    if segment is None:
        return None
    rest = [leaf for leaf in found if leaf is not segment]
    status = _best(rest, _status_score)
    time = _best([leaf for leaf in rest if leaf is not status], _time_score)
    words = {} if status is None else _words(status.words)
    paths = MembershipPaths(
        segment=segment.path,
        status=None if status is None else status.path,
        words={word: Status(meaning) for word, meaning in words.items()} or STATUSES,
        time=None if time is None else time.path,
        unit_us=_UNITS.get(_unit(time) or ""),
    )
    lines = [f"segment: {_shown(segment.path)}"]
    if status is not None:
        lines.append(f"status: {_shown(status.path)}")
    if words:
        lines.append(f"statusValues: {{{', '.join(f'{_quoted(word)}: {means}' for word, means in words.items())}}}")
    if time is not None:
        lines.append(f"time: {_shown(time.path)}")
    if (unit := _unit(time)) is not None:
        lines.append(f"timeUnit: {unit}")
    return _proposal(topic, Input(kind, topic, paths), lines, records, now_ms)


def profiles(topic: str, records: Sequence[Record], now_ms: int) -> Proposal | None:
    """Return what would make profiles of *records*; None where none is a JSON object."""
    found = objects_of(records)
    if not found:
        return None
    envelope = next((path for path in reversed(envelopes(found)) if {*path} <= _ENVELOPES), None)
    lines = [] if envelope is None else [f"attributes: {_shown(envelope)}"]
    ids = {} if any("identityMap" in _within(each, envelope) for each in found) else _identities(found, envelope)
    if ids:
        lines.append(f"identities: {{{', '.join(f'{path[-1]}: {_shown(path)}' for path in ids)}}}")
    return _proposal(topic, Input(Kind.FRAGMENT, topic), lines, records, now_ms)


def _proposal(topic: str, source: Input, lines: Sequence[str], records: Sequence[Record], now_ms: int) -> Proposal:
    role, indent = ROLES[source.kind], "  "
    if source.kind is Kind.FRAGMENT:
        body = [f"- topic: {topic}", *(f"{indent}{line}" for line in lines)]
    else:
        body = [f"topic: {topic}", *lines]
    text = "\n".join([f"inputs:\n{indent}{role}:", *(f"{indent * 2}{line}" for line in body)])
    return Proposal(text, source, decoded(source, records, now_ms))


def _best(found: Iterable[Leaf], score: Callable[[Leaf], int]) -> Leaf | None:
    """Return the leaf with the highest score, of equals the one with fewer values; None where all have none."""
    ranked = sorted(((score(leaf), -leaf.distinct, leaf.path) for leaf in found), reverse=True)
    by_path = {leaf.path: leaf for leaf in found}
    return by_path[ranked[0][2]] if ranked and ranked[0][0] > 0 else None


def _segment_score(leaf: Leaf) -> int:
    score = sum(_SEGMENT_WORDS.get(token, 0) for token in leaf.tokens)
    if not score or leaf.scalars < MOST_SHARE * leaf.count or leaf.times:
        return 0
    return score + sum(_ID_WORDS.get(token, 0) for token in leaf.tokens[-1:])


def _status_score(leaf: Leaf) -> int:
    if leaf.strange or not leaf.words:
        return 0
    return 1 + sum(_STATUS_WORDS.get(token, 0) for token in leaf.tokens)


def _time_score(leaf: Leaf) -> int:
    if leaf.times < MOST_SHARE * leaf.count and _unit(leaf) is None:
        return 0
    return 1 + sum(_TIME_WORDS.get(token, 0) for token in leaf.tokens)


def _unit(leaf: Leaf | None) -> str | None:
    if leaf is None or leaf.times:
        return None
    if leaf.milliseconds >= MOST_SHARE * leaf.count:
        return "milliseconds"
    return "seconds" if leaf.seconds >= MOST_SHARE * leaf.count else None


def _words(seen: Iterable[str]) -> dict[str, Status]:
    """Return what each word seen means, and that of its counterpart, which the sample may lack."""
    words = sorted(seen)
    if {*words} <= STATUSES.keys():
        return {}
    found = {word: _meaning(word) for word in words}
    for inside, outside in PAIRS:
        if inside in found and not {*found} & OUTSIDE:
            found[outside] = Status.EXITED
        elif outside in found and not {*found} & INSIDE:
            found[inside] = Status.REALIZED
    return found


def _meaning(word: str) -> Status:
    return STATUSES.get(word.lower(), Status.REALIZED if word.lower() in INSIDE else Status.EXITED)


def _identities(objects: Sequence[Mapping[str, Any]], envelope: Path | None) -> list[Path]:
    """Return the paths of what looks like an id of the profile: it has another value in almost each record."""
    return [
        leaf.path
        for leaf in leaves(objects)
        if leaf.tokens[-1:] and leaf.tokens[-1] in _IDENTITY_WORDS
        if leaf.scalars == leaf.count and leaf.distinct >= MOST_SHARE * leaf.count
        if envelope is None or leaf.path[: len(envelope)] == envelope
    ]


def _within(value: Mapping[str, Any], path: Path | None) -> Mapping[str, Any]:
    for name in path or ():
        below = value.get(name)
        value = below if isinstance(below, dict) else {}
    return value


def _quoted(word: str) -> str:
    return f'"{word}"' if word.lower() in _QUOTED or word.isdigit() else word


def _shown(path: Path) -> str:
    return ".".join(("$", *path))
