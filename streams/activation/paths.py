"""Reads the values at many paths out of a JSON object at once, each as its own text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

Path = tuple[str, ...]
_Tree = dict[str, "_Tree"]

_members = msgspec.json.Decoder(dict[str, Raw]).decode


class Paths:
    """A set of paths, compiled; ``read`` returns the values in the order of ``paths``."""

    def __init__(self, paths: Sequence[Path]) -> None:
        if () in paths:
            raise ValueError("a path names at least one member")
        self._layers = [_Layer(layer) for layer in _layers(dict.fromkeys(paths))]
        self.paths: tuple[Path, ...] = tuple(path for layer in self._layers for path in layer.paths)

    def read(self, document: bytes) -> list[bytes | None]:
        """Return per path the text of its value, None where there is none; *document* is a valid JSON object."""
        found: list[bytes | None] = []
        for layer in self._layers:
            found += layer.read(document)
        return found


class _Layer:
    """Paths of which none begins another, read by one typed decode."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths
        self._tree = _tree_of(paths)
        self._is_plain = all(_is_plain(name) for path in paths for name in path)
        if self._is_plain:
            fields: dict[Path, str] = {}
            self._decode = msgspec.json.Decoder(_struct_of(self._tree, (), "", fields)).decode
            self._values = _getter([fields[path] for path in paths])

    def read(self, document: bytes) -> list[bytes | None]:
        if not self._is_plain:
            return self._read_slowly(document)
        try:
            values = self._values(self._decode(document))
        except msgspec.ValidationError:  # the middle of a path is no object here
            return self._read_slowly(document)
        return [None if value is UNSET else bytes(value) for value in values]

    def _read_slowly(self, document: bytes) -> list[bytes | None]:
        found: dict[Path, bytes] = {}
        _walk(self._tree, (), document, found)
        return [found.get(path) for path in self.paths]


def _layers(paths: dict[Path, None]) -> list[list[Path]]:
    """Spread *paths* over layers, such that in none a path begins another."""
    layers: list[list[Path]] = []
    for path in paths:
        for layer in layers:
            if not any(_overlap(path, other) for other in layer):
                layer.append(path)
                break
        else:
            layers.append([path])
    return layers


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _is_plain(name: str) -> bool:
    """Say whether a type's field can have this name; the rare others are read slowly."""
    return name.isprintable() and not set(name) & set('"\\')


def _tree_of(paths: Sequence[Path]) -> _Tree:
    tree: _Tree = {}
    for path in paths:
        node = tree
        for name in path:
            node = node.setdefault(name, {})
    return tree


def _struct_of(tree: _Tree, above: Path, prefix: str, fields: dict[Path, str]) -> type[msgspec.Struct]:
    """Return a type that decodes *tree*, its leaves raw; note in *fields* how each path is reached from the root.

    The middle of a path that is absent is an instance without values, so that one attribute getter reads all.
    """
    definitions: list[tuple[str, Any, Any]] = []
    for index, (name, below) in enumerate(tree.items()):
        field = f"f{index}"
        path, dotted = (*above, name), f"{prefix}{field}"
        if not below:
            fields[path] = dotted
            definitions.append((field, Raw | UnsetType, UNSET))
            continue
        middle = _struct_of(below, path, f"{dotted}.", fields)
        definitions.append((field, middle, middle()))
    rename = {f"f{index}": name for index, name in enumerate(tree)}
    return msgspec.defstruct("Mapped", definitions, rename=rename, frozen=True, gc=False)


def _getter(fields: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    get = attrgetter(*fields)
    return get if len(fields) > 1 else lambda values: (get(values),)


def _walk(tree: _Tree, above: Path, document: bytes, found: dict[Path, bytes]) -> None:
    """Read what is there, level by level."""
    members = _members(document)
    for name, below in tree.items():
        raw = members.get(name)
        if raw is None:
            continue
        value, path = bytes(raw), (*above, name)
        if not below:
            found[path] = value
        elif value.startswith(b"{"):
            _walk(below, path, value, found)
