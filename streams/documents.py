"""Which version of each destination's document this worker goes by: the one in force, if it can follow that.

One that it cannot follow (it is not valid here, a secret is not found) leaves the version before it in force here.
Exporting needs no secret, so activation follows what delivery may not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from streams.codes import Obstacle, coded
from streams.configuration.problems import ConfigurationError
from streams.configuration.references import References
from streams.configuration.stored import stored, stored_without_secrets
from streams.destinations import Destination
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
        self._followed: dict[str, _Followed] = {}
        self.refused: dict[str, str] = {}
        """By name, why the version in force is not followed here."""
        self.gone: frozenset[str] = frozenset()
        """The incarnations that are deleted for good."""

    @property
    def exported(self) -> list[Destination]:
        """What activation goes by, without secrets; those that are draining, too."""
        return [each.exported for each in self._followed.values() if each.exported is not None]

    @property
    def delivered(self) -> list[Destination]:
        """What delivery goes by."""
        return [each.delivered for each in self._followed.values() if each.delivered is not None]

    def look(self, *, again: bool = False) -> bool:
        """Read what is in force; return whether something is new. What was refused is tried *again* if so told."""
        standing, news = self._registry.standing(DESTINATION), False
        for name, version in standing.items():
            known = self._followed.get(name)
            if known is None or known.version != version or (again and name in self.refused):
                news |= self._follow(name, version, known)
        news |= self._refuse_unreadable()
        self.gone = frozenset(each for name, version in standing.items() for each in _gone(name, version))
        return news

    def _follow(self, name: str, version: Version, known: _Followed | None) -> bool:
        """Go by *version* as far as that can be; return whether anything is different now."""
        before = self.refused.pop(name, None)
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
        if is_new and name not in self.refused:
            structlog.get_logger().info("document.followed", destination=name, version=version.version, by=version.by)
        self._followed[name] = after
        return is_new or before != self.refused.get(name)

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
        self.refused[name] = why
        if why != before:
            structlog.get_logger().error("document.refused", destination=name, version=version.version, why=why)

    def _refuse_unreadable(self) -> bool:
        """Refuse what another release wrote in a way that this one cannot read; return whether one is new."""
        news = False
        for name, version in self._registry.unreadable(DESTINATION).items():
            why = coded(f"version {version} was written by another release of streams", Obstacle.OTHER_RELEASE)
            news |= self.refused.get(name) != why
            self.refused[name] = why
        return news


def _gone(name: str, version: Version) -> list[str]:
    """Return the incarnations of a name that are deleted for good."""
    last = version.number if version.life == "deleted" else version.number - 1
    return [f"{name}.{number}" for number in range(1, last + 1)]
