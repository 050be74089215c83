"""What governs the destinations of who reads the registry: of each document the newest version that can be read here.

What cannot be read must not allow anything. So a document that another release wrote, or that is not valid here, leaves
the newest version of it in force that can be read; where there is none, nobody can tell what it forbids, and nothing is
sent to any destination that it may concern: whatever a policy says may concern all, labels concern all as soon as a
policy is enabled.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from streams.codes import Obstacle, coded
from streams.configuration.governing import Governed, Key, governed
from streams.configuration.problems import ConfigurationError
from streams.configuration.stored import stored_without_secrets
from streams.destinations import Destination
from streams.governance.evaluating import Governance, evaluate
from streams.governance.telling import in_short
from streams.registry.awaited import governing
from streams.registry.records import DESTINATION, GOVERNING, POLICY, Version

TOLD = 5
"""How many violations are told before they are only counted."""


class Documents(Protocol):
    """What is asked of the registry."""

    def standing(self, kind: str) -> Mapping[str, Version]:
        """Return the version in force of each document of a kind, by name."""

    def unreadable(self, kind: str) -> Mapping[str, int]:
        """Return the version in force by name where another release wrote it."""

    def history(self, kind: str, name: str) -> list[Version]:
        """Return the versions of a document that still stand and can be read, oldest first."""


@dataclass(frozen=True, slots=True)
class InForce:
    """What is gone by here; *versions* and *refused* are by kind and name, such as ``policy/no-c2``."""

    governance: Governance = field(default_factory=Governance)
    versions: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    """Why the version in force is not gone by."""
    unknown: tuple[Key, ...] = ()
    """Of what no version can be read."""

    def forbids(self, destination: Destination) -> str | None:
        """Return why *destination* may be sent nothing, from label to action; None where it may be sent."""
        unknown = [key for key in self.unknown if key[0] == POLICY or self.governance.policies]
        if unknown:
            why = (f"{' '.join(key)}: {self.refused[governing(*key)]}" for key in unknown)
            return f"it is not known what is forbidden: {'; '.join(why)}"
        violations = evaluate(destination, self.governance)
        more = f"; and {len(violations) - TOLD} more" if len(violations) > TOLD else ""
        return f"{in_short(violations[:TOLD])}{more}" if violations else None


def forbidden(registry: Documents) -> dict[str, str]:
    """Return why destinations in force are forbidden, by name, of those that are; one that is not valid is not."""
    governing = Governing(registry)
    governing.look()
    judged = {name: _judged(version, governing.in_force) for name, version in registry.standing(DESTINATION).items()}
    return {name: why for name, why in judged.items() if why is not None}


class Governing:
    """Looks at what the registry holds; what was gone by before is remembered, though it may be taken away there."""

    def __init__(self, registry: Documents) -> None:
        self._registry = registry
        self._seen: tuple[Mapping[Key, Version], Mapping[Key, int]] = {}, {}
        self._gone_by: dict[Key, Version] = {}
        self.in_force = InForce()

    def look(self) -> bool:
        """Read what is in force; return whether anything is new."""
        registry = self._registry
        standing = {(kind, name): each for kind in GOVERNING for name, each in registry.standing(kind).items()}
        odd = {(kind, name): version for kind in GOVERNING for name, version in registry.unreadable(kind).items()}
        if (standing, odd) == self._seen:
            return False
        self._seen = standing, odd
        before, refused = self.in_force.refused, {key: _other_release(version) for key, version in odd.items()}
        for key, problems in _read(standing).problems.items():
            refused[key] = "; ".join(problem.told for problem in problems)
        readable = {key: each for key, each in standing.items() if key not in refused}
        for key in refused:
            if (older := self._newest_readable(key)) is not None:
                readable[key] = older
        self._gone_by = readable
        self.in_force = InForce(
            _read(readable).governance,
            {governing(*key): each.version for key, each in readable.items()},
            {governing(*key): why for key, why in refused.items()},
            tuple(key for key in sorted(refused) if key not in readable),
        )
        self._tell(before)
        return True

    def _newest_readable(self, key: Key) -> Version | None:
        known = (*reversed(self._registry.history(*key)), self._gone_by.get(key))
        return next((each for each in known if each is not None and not _read({key: each}).problems), None)

    def _tell(self, before: Mapping[str, str]) -> None:
        for key, why in self.in_force.refused.items():
            if before.get(key) != why:
                gone_by = self.in_force.versions.get(key)
                structlog.get_logger().error("governance.refused", document=key, why=why, gone_by=gone_by)


def _read(versions: Mapping[Key, Version]) -> Governed:
    return governed({kind: {name: each for (of, name), each in versions.items() if of == kind} for kind in GOVERNING})


def _judged(version: Version, in_force: InForce) -> str | None:
    if version.life == "deleted":
        return None
    with suppress(ConfigurationError):
        return in_force.forbids(stored_without_secrets(version))
    return None


def _other_release(version: int) -> str:
    return coded(f"version {version} was written by another release of streams", Obstacle.OTHER_RELEASE)
