"""Reads a JSON Schema as the union schema that it describes: its paths, and their labels.

Objects are followed through ``properties``, ``allOf`` and ``$ref`` within the schema itself; an array is a leaf, and
what an object without properties holds is left open. All other keywords are ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from streams.configuration.problems import shown
from streams.configuration.validation import Flaw

MAX_PARTS = 20_000
"""How many parts one may have when it is unfolded; a short one can unfold to any number of them."""
MAX_DEPTH = 100
"""How many of its parts may stand in each other then."""

Path = tuple[str, ...]
Place = tuple[str | int, ...]
Judge = Callable[[object, Place], Iterator[Flaw]]
"""Yields what is wrong with a label."""


@dataclass(slots=True)
class Described:
    """What a schema describes: each path with its labels, and which of them are left open."""

    paths: dict[Path, tuple[str, ...]] = field(default_factory=dict)
    open: set[Path] = field(default_factory=set)
    flaws: list[Flaw] = field(default_factory=list)


def described(schema: object) -> Described:
    """Return what a schema describes, that has no flaws."""
    return _Walk(schema, lambda *_: iter(())).walked()


def schema_flaws(schema: object, judge: Judge) -> list[Flaw]:
    """Return what is wrong with a schema; *judge* knows what labels are."""
    return _Walk(schema, judge).walked().flaws


class _Walk:
    """One walk over a schema."""

    def __init__(self, schema: object, judge: Judge) -> None:
        self._schema, self._judge = schema, judge
        self._found = Described()
        self._judged: set[Place] = set()
        self._parts = self._depth = 0

    def walked(self) -> Described:
        found = self._found
        if not isinstance(self._schema, dict):
            self._flaw(f"came {shown(self._schema)}", "expected a JSON Schema of an object", ())
            return found
        self._follow(self._schema, (), (), ())
        if not found.paths and not found.flaws:
            self._flaw("describes no path", "give it properties", ())
        return found

    def _follow(self, schema: object, path: Path, place: Place, refs: tuple[str, ...]) -> None:
        """Take in what stands at *place* and describes *path*; *refs* led there."""
        self._parts += 1
        if self._parts > MAX_PARTS or self._depth > MAX_DEPTH:
            self._found.flaws[:] = [_too_much()]
        elif schema is True and path:
            self._found.paths.setdefault(path, ())
        elif isinstance(schema, dict):
            self._depth += 1
            self._label(schema, path, place)
            self._refer(schema, path, place, refs)
            self._objects(schema, path, place, refs)
            self._depth -= 1
        elif not isinstance(schema, bool):
            self._flaw(f"came {shown(schema)}", "expected a JSON Schema", place)

    def _label(self, schema: dict[str, Any], path: Path, place: Place) -> None:
        if path:
            self._found.paths.setdefault(path, ())
        if "labels" not in schema:
            return
        labels = schema["labels"] if isinstance(schema["labels"], list) else [schema["labels"]]
        if place not in self._judged:
            self._judged.add(place)
            at = (*place, "labels")
            self._found.flaws += (flaw for label in labels for flaw in self._judge(label, at))
        known = self._found.paths.get(path, ())
        taken = [label for label in labels if isinstance(label, str)]
        self._found.paths[path] = tuple(dict.fromkeys((*known, *taken)))

    def _refer(self, schema: dict[str, Any], path: Path, place: Place, refs: tuple[str, ...]) -> None:
        if "$ref" not in schema:
            return
        ref, target = schema["$ref"], self._at(schema["$ref"])
        if target is None:
            what = f"{shown(ref)} leads to nothing in this schema"
            self._flaw(
                what, "write what it is to lead to below definitions, and #/definitions/... here", (*place, "$ref")
            )
        elif ref in refs:
            self._flaw(f"{shown(ref)} leads to itself", "a profile has no endless paths", (*place, "$ref"))
        else:
            self._follow(target[0], path, target[1], (*refs, ref))

    def _at(self, ref: object) -> tuple[object, Place] | None:
        """Return what a pointer such as ``#/definitions/person`` leads to, and where that is."""
        if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
            return None
        found: object = self._schema
        parts = [part.replace("~1", "/").replace("~0", "~") for part in ref.split("/")[1:]]
        for part in parts:
            if not isinstance(found, dict) or part not in found:
                return None
            found = found[part]
        return found, tuple(parts)

    def _objects(self, schema: dict[str, Any], path: Path, place: Place, refs: tuple[str, ...]) -> None:
        properties, parts = schema.get("properties", {}), schema.get("allOf", [])
        if not isinstance(properties, dict):
            self._flaw(f"came {shown(properties)}", "expected a mapping of names", (*place, "properties"))
            return
        if not isinstance(parts, list):
            self._flaw(f"came {shown(parts)}", "expected a list of JSON Schemas", (*place, "allOf"))
            return
        for name, below in properties.items():
            if name.strip() and "." not in name:  # what has one cannot be mapped
                self._follow(below, (*path, name), (*place, "properties", name), refs)
        for index, part in enumerate(parts):
            self._follow(part, path, (*place, "allOf", index), refs)
        if path and not properties and not parts and "$ref" not in schema and _is_open(schema):
            self._found.open.add(path)

    def _flaw(self, what: str, remedy: str, place: Place) -> None:
        flaw = Flaw(what, remedy, place)
        if flaw not in self._found.flaws:
            self._found.flaws.append(flaw)


def _is_open(schema: dict[str, Any]) -> bool:
    """Whether anything may lie below: an object of which nothing more is said."""
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def _too_much() -> Flaw:
    return Flaw("describes too much", f"unfold it to at most {MAX_PARTS} parts, {MAX_DEPTH} of them in each other")
