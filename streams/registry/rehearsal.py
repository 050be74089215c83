"""Applies documents of files where there is no registry: what would be in force if they were all there ever was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from streams.configuration.documents import examine
from streams.configuration.governing import governed
from streams.configuration.problems import ConfigurationError
from streams.configuration.references import References
from streams.configuration.stored import stored_without_secrets
from streams.destinations import Destination
from streams.governance.telling import in_short
from streams.registry.changes import Plan, Standing
from streams.registry.edits import Author
from streams.registry.plans import plan
from streams.registry.records import ACCOUNT, DESTINATION, GOVERNING, Version
from streams.registry.registry import RegistryError
from streams.registry.verdicts import violations_of


class Rehearsal:
    """What stands, from the first ``apply`` on; nobody is asked for secrets."""

    def __init__(self) -> None:
        self._standing = Standing({}, {})

    def apply(self, paths: Sequence[Path], now_ms: int) -> list[Destination]:
        """Apply the documents in *paths* at a time, and return all destinations in force then.

        Raises ConfigurationError for what is wrong, RegistryError for what `apply` would refuse.
        """
        standing = self._standing
        found = examine(paths, References({}, None), standing.accounts, standing.governing)
        if found.problems:
            raise ConfigurationError(found.problems)
        decided = plan(found.given, standing, Author("simulate", now_ms))
        if decided.refusals:
            raise RegistryError("\n".join(decided.refusals))
        self._standing = _after(standing, decided)
        return list(map(self._judged, self._standing.destinations.values()))

    def _judged(self, version: Version) -> Destination:
        """Return a destination in force, and whether policies forbid it."""
        violations = violations_of(version, governed(self._standing.governing).governance)
        return replace(stored_without_secrets(version), forbidden=in_short(violations) if violations else None)


def _after(standing: Standing, decided: Plan) -> Standing:
    def merged(kind: str, before: Mapping[str, Version]) -> dict[str, Version]:
        changed = {change.name: change.version for change in decided.changes if change.kind == kind}
        return {**before, **changed}

    return Standing(
        merged(DESTINATION, standing.destinations),
        merged(ACCOUNT, standing.accounts),
        governing={kind: merged(kind, standing.governing.get(kind, {})) for kind in GOVERNING},
    )
