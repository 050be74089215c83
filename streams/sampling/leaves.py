"""What lies where in a sample of JSON objects: how often a path is there, and what its values look like. Pure.

Values are counted, never kept, but for words that mean a status to everybody. A path is told only if it is a name in
most of the objects: what stands in an object's keys may be somebody's data.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from streams.activation.events import Path
from streams.activation.timestamps import parse_time

MOST_SHARE = 0.9
"""A field is one of the topic's if it is in so many of its objects."""
_MAX_DEPTH, _MAX_DISTINCT = 4, 10_000
_is_name = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}").fullmatch
_tokens = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+").findall

PAIRS = (
    *(("add", "remove"), ("added", "removed"), ("enter", "exit"), ("entered", "exited"), ("entry", "exit")),
    *(("join", "leave"), ("joined", "left"), ("in", "out"), ("true", "false"), ("1", "0"), ("yes", "no")),
    *(("realized", "exited"), ("existing", "exited"), ("active", "inactive"), ("qualified", "disqualified")),
    *(("subscribe", "unsubscribe"), ("subscribed", "unsubscribed"), ("insert", "delete"), ("upsert", "delete")),
    *(("create", "delete"), ("created", "deleted"), ("added", "deleted"), ("add", "delete"), ("member", "nonmember")),
)
"""Words that people use for who comes in and who goes out."""
INSIDE = frozenset(word for word, _ in PAIRS)
OUTSIDE = frozenset(word for _, word in PAIRS)

_SECONDS, _MILLISECONDS = (1e9, 4e9), (1e12, 4e12)
"""Between 2001 and 2096, counted in the one and in the other."""


@dataclass(slots=True)
class Leaf:
    """What is seen at one path."""

    path: Path
    count: int = 0
    scalars: int = 0
    """How many of its values are texts, whole numbers, true or false: what an id or a status may be."""
    texts: int = 0
    times: int = 0
    seconds: int = 0
    milliseconds: int = 0
    words: set[str] = field(default_factory=set)
    strange: bool = False
    """Whether it has a value that is no word for a status."""
    _distinct: set[int] = field(default_factory=set)

    @property
    def distinct(self) -> int:
        """How many different values it has, about; those beyond ten thousand are not counted."""
        return len(self._distinct)

    @property
    def tokens(self) -> list[str]:
        """The words of which the names in its path are made."""
        return [token.lower() for name in self.path for token in _tokens(name)]

    def see(self, value: object) -> None:
        """Count one value."""
        self.count += 1
        if isinstance(value, float | int) and not isinstance(value, bool):
            self.seconds += _SECONDS[0] <= value < _SECONDS[1]
            self.milliseconds += _MILLISECONDS[0] <= value < _MILLISECONDS[1]
        if not isinstance(value, str | int) or value == "":
            self.strange = True
            return
        self.scalars += 1
        if len(self._distinct) < _MAX_DISTINCT:
            self._distinct.add(hash(value))
        if isinstance(value, str):
            self.texts += 1
            self.times += _is_time(value)
        word = str(value).lower() if isinstance(value, bool) else str(value)
        if word.lower() in INSIDE | OUTSIDE:
            self.words.add(word)
        else:
            self.strange = True


def _is_time(text: str) -> bool:
    try:
        parse_time(text)
    except ValueError:
        return False
    return True


def leaves(objects: Iterable[Mapping[str, Any]]) -> list[Leaf]:
    """Return what lies where in most of *objects*."""
    found: dict[Path, Leaf] = {}
    objects = list(objects)
    for each in objects:
        for path, value in _walk(each, ()):
            found.setdefault(path, Leaf(path)).see(value)
    return [leaf for leaf in found.values() if leaf.count >= MOST_SHARE * len(objects)]


def envelopes(objects: Iterable[Mapping[str, Any]]) -> list[Path]:
    """Return the paths at which most of *objects* have an object, the outermost first."""
    found: dict[Path, int] = defaultdict(int)
    objects = list(objects)
    for each in objects:
        for path in _inner(each, ()):
            found[path] += 1
    return sorted((path for path, count in found.items() if count >= MOST_SHARE * len(objects)), key=len)


def _walk(value: Mapping[str, Any], above: Path) -> Iterator[tuple[Path, object]]:
    for name, below in value.items():
        if not _is_name(name):
            continue
        path = (*above, name)
        if isinstance(below, dict):
            if len(path) < _MAX_DEPTH:
                yield from _walk(below, path)
        else:
            yield path, below


def _inner(value: Mapping[str, Any], above: Path) -> Iterator[Path]:
    for name, below in value.items():
        if _is_name(name) and isinstance(below, dict) and len(above) < _MAX_DEPTH:
            yield (*above, name)
            yield from _inner(below, (*above, name))
