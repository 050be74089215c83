"""Which version of each destination's document this worker goes by: the one in force, if it can follow that.

One that it cannot follow (it is not valid here, a secret is not found) leaves the version before it in force here.
Exporting needs no secret, so activation follows what delivery may not. Whichever version of a destination is gone by,
it is judged by the policies in force.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import structlog

from streams.codes import Obstacle, coded
from streams.configuration.problems import ConfigurationError
from streams.configuration.references import References
from streams.configuration.stored import stored, stored_without_secrets
from streams.destinations import Destination
from streams.registry.governing import Governing
from streams.registry.records import DESTINATION, Version
from streams.registry.registry import Registry
from streams.secrets import Secret


@dataclass(slots=True)
class _Followed:
    """Of one name: what was last looked at, and what is gone by; the latter are of one incarnation."""

    version: Version
    exported: Destination | None = None
    delivered: Destination | None = None


class Documents:
    """Reads the registry whenever it is told to look; *hide* is told of each secret before anybody can show it.

    Where nothing is delivered (*delivers* is false) no secret is looked for.
    """

    def __init__(
        self, registry: Registry, references: References, *, delivers: bool, hide: Callable[[Secret], None]
    ) -> None:
        self._registry, self._references, self._delivers, self._hide = registry, references, delivers, hide
        self._governing = Governing(registry)
        self._followed: dict[str, _Followed] = {}
        self._refused: dict[str, str] = {}
        self.gone: frozenset[str] = frozenset()
        """The incarnations that are deleted for good."""
        self.exported: list[Destination] = []
        """What activation goes by, without secrets; those that are draining, too."""
        self.delivered: list[Destination] = []
        """What delivery goes by."""

    @property
    def governing(self) -> Mapping[str, int]:
        """The version of each document that governs destinations, by kind and name: what all above are judged by."""
        return self._governing.in_force.versions

    @property
    def refused(self) -> Mapping[str, str]:
        """By name, or by kind and name of what governs destinations, why the version in force is not followed here."""
        return {**self._refused, **self._governing.in_force.refused}

    def look(self, *, again: bool = False) -> bool:
        """Read what is in force; return whether something is new. What was refused is tried *again* if so told."""
        standing, news = self._registry.standing(DESTINATION), self._governing.look()
        for name, version in standing.items():
            known = self._followed.get(name)
            if known is None or known.version != version or (again and name in self._refused):
                news |= self._follow(name, version, known)
        news |= self._refuse_unreadable()
        self.gone = frozenset(each for name, version in standing.items() for each in _gone(name, version))
        if news:
            self.exported = self._judged(each.exported for each in self._followed.values())
            self.delivered = self._judged(each.delivered for each in self._followed.values())
        return news

    def _follow(self, name: str, version: Version, known: _Followed | None) -> bool:
        """Go by *version* as far as that can be; return whether anything is different now."""
        before = self._refused.pop(name, None)
        if version.life == "deleted":
            self._followed[name] = _Followed(version)
            return True
        if known is None or known.version.number != version.number:
            known = _Followed(version)  # what is left of another incarnation is none of this one
        after = _Followed(version, known.exported, known.delivered)
        try:
            after.exported = stored_without_secrets(version)
            after.delivered = self._with_secrets(version, after.exported) if self._delivers else None
        except ConfigurationError as error:
            self._refuse(name, version, "; ".join(problem.told for problem in error.problems), before)
        is_new = (after.exported, after.delivered) != (known.exported, known.delivered)
        if is_new and name not in self._refused:
            structlog.get_logger().info("document.followed", destination=name, version=version.version, by=version.by)
        self._followed[name] = after
        return is_new or before != self._refused.get(name)

    def _judged(self, destinations: Iterable[Destination | None]) -> list[Destination]:
        forbids = self._governing.in_force.forbids
        return [replace(each, forbidden=forbids(each)) for each in destinations if each is not None]

    def _with_secrets(self, version: Version, without: Destination) -> Destination:
        try:
            destination = stored(version, self._references)
        except ConfigurationError:
            if version.pause is None:
                raise
            return without  # while it is paused nothing is sent, so no secret is needed
        for secret in destination.secrets:
            self._hide(secret)
        return destination

    def _refuse(self, name: str, version: Version, why: str, before: str | None) -> None:
        self._refused[name] = why
        if why != before:
            structlog.get_logger().error("document.refused", destination=name, version=version.version, why=why)

    def _refuse_unreadable(self) -> bool:
        """Refuse what another release wrote in a way that this one cannot read; return whether one is new."""
        news = False
        for name, version in self._registry.unreadable(DESTINATION).items():
            why = coded(f"version {version} was written by another release of streams", Obstacle.OTHER_RELEASE)
            news |= self._refused.get(name) != why
            self._refused[name] = why
        return news


def _gone(name: str, version: Version) -> list[str]:
    """Return the incarnations of a name that are deleted for good."""
    last = version.number if version.life == "deleted" else version.number - 1
    return [f"{name}.{number}" for number in range(1, last + 1)]
