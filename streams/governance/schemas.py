"""Union schemas: which attribute paths a profile may have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from streams.governance.labels import Path


@dataclass(frozen=True, slots=True)
class Schema:
    """The paths that one document knows; below those that are *open* anything may lie."""

    document: str
    paths: frozenset[Path]
    open: frozenset[Path] = frozenset()


@dataclass(frozen=True)
class UnionSchema:
    """All schemas together; without any, every path is known."""

    schemas: tuple[Schema, ...] = ()

    def knows(self, path: Path) -> bool:
        """Whether a profile may have something at *path*: it, or what lies below it, is in a schema."""
        return not self.schemas or path in self._known or any(above in self._open for above in _with_those_above(path))

    @property
    def paths(self) -> Iterable[Path]:
        """All known paths, those above others among them."""
        return self._known

    @cached_property
    def _known(self) -> frozenset[Path]:
        return frozenset(each for schema in self.schemas for path in schema.paths for each in _with_those_above(path))

    @cached_property
    def _open(self) -> frozenset[Path]:
        return frozenset[Path]().union(*(schema.open for schema in self.schemas))


def _with_those_above(path: Path) -> Iterable[Path]:
    return (path[:length] for length in range(1, len(path) + 1))
