"""What becomes of documents when a plan is applied, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from streams.configuration.governing import Versions
from streams.governance.evaluating import Violation
from streams.registry.differences import Difference
from streams.registry.records import Version

Action = Literal["create", "change", "nothing"]


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one document; *version* is to be written, or in force already where nothing changes."""

    kind: str
    name: str
    action: Action
    base: Version | None
    """What is in force, be it a deleted one."""
    version: Version
    differences: tuple[Difference, ...] = ()
    narrowed: tuple[str, ...] = ()
    """Why exports that were rendered before must not be posted any more."""
    because: str = ""
    """Why it changes although it was not given."""
    violations: tuple[Violation, ...] = ()
    """What policies forbid the destination, once the plan is applied."""
    was_forbidden: bool = False
    """Whether they forbid it as things stand."""
    unknown: tuple[str, ...] = ()
    """The paths that it maps and no union schema knows any more, once the plan is applied."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of each document, and which of those given cannot be applied, each with why.

    What governs comes first, then accounts; last come destinations in force that nothing changes but what policies say.
    """

    changes: tuple[Change, ...]
    refusals: tuple[str, ...] = ()
    """Each ends with its code."""

    @property
    def to_write(self) -> list[Change]:
        """The changes that change something, in the order in which they must be written."""
        return [change for change in self.changes if change.action != "nothing"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is in force, by name."""

    destinations: Mapping[str, Version]
    accounts: Mapping[str, Version]
    unreadable: frozenset[tuple[str, str]] = frozenset()
    """Kind and name of what another release wrote."""
    governing: Versions = field(default_factory=dict)
    """What governs destinations, by kind and name."""
