"""What is said of destinations once a plan is applied: which become forbidden, are allowed again, or are not known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from streams.configuration.governing import Governed, Versions, governed
from streams.configuration.problems import ConfigurationError
from streams.configuration.stored import stored_without_secrets
from streams.governance.evaluating import Governance, Lineage, Violation, carried, evaluate
from streams.governance.labels import Path
from streams.registry.changes import Change, Standing
from streams.registry.records import DESTINATION, GOVERNING, Version


def with_verdicts(changes: Sequence[Change], standing: Standing) -> Iterator[Change]:
    """Yield *changes* with what governs the destinations says of them then.

    Behind them comes a change of each other destination in force of which it says something else than before.
    """
    before = governed(standing.governing)
    written = [change for change in changes if change.kind in GOVERNING and change.action != "nothing"]
    after = governed(_with(standing.governing, written)) if written else before
    court = _Court(before, after)
    yield from (court.judged(change) if change.kind == DESTINATION else change for change in changes)
    if not written:
        return
    known = {change.name for change in changes if change.kind == DESTINATION}
    for name, version in sorted(standing.destinations.items()):
        if name not in known and version.life != "deleted":
            judged = court.judged(Change(DESTINATION, name, "nothing", version, version))
            if bool(judged.violations) != judged.was_forbidden or judged.unknown:
                yield judged


class _Court:
    """What governs destinations before a plan is applied, and after it."""

    def __init__(self, before: Governed, after: Governed) -> None:
        self._laws, self._schemas = (before.governance, after.governance), (before.union, after.union)

    def judged(self, change: Change) -> Change:
        """Return the change of a destination with what is said of it."""
        before, after = self._laws
        if not any((before.policies, after.policies, self._schemas[1].schemas)):
            return change
        base = change.base
        was = base is not None and base.life != "deleted" and bool(violations_of(base, before))
        return replace(
            change,
            violations=violations_of(change.version, after),
            was_forbidden=was,
            unknown=tuple(self._unknown(change.version)),
        )

    def _unknown(self, version: Version) -> Iterator[str]:
        before, after = self._schemas
        if before == after:
            return
        for path in _sources(version):
            if before.knows(path) and not after.knows(path):
                yield ".".join(path)


def _sources(version: Version) -> list[Path]:
    try:
        return [attribute.source for attribute in stored_without_secrets(version).attributes]
    except ConfigurationError:
        return []


def unjudged(standing: Standing, changes: Iterable[Change]) -> list[str]:
    """Return what governs destinations in force and cannot be read here, so that nobody can tell what it forbids."""
    known = {(change.kind, change.name) for change in changes}
    odd = sorted(each for each in standing.unreadable if each[0] in GOVERNING and each not in known)
    wrong = governed(standing.governing).problems
    return [
        *(f"{kind} {name} was written by another release" for kind, name in odd),
        *(f"{kind} {name} is not valid here" for kind, name in wrong if (kind, name) not in known),
    ]


def violations_of(version: Version, governance: Governance) -> tuple[Violation, ...]:
    """Return what *governance* forbids a destination in force; nothing of one that is not valid here."""
    try:
        return evaluate(stored_without_secrets(version), governance)
    except ConfigurationError:
        return ()


def labels_of(version: Version, governance: Governance) -> tuple[Lineage, ...]:
    """Return how each label comes to a destination in force; nothing of one that is not valid here."""
    try:
        return carried(stored_without_secrets(version), governance)
    except ConfigurationError:
        return ()


def _with(governing: Versions, written: Iterable[Change]) -> Versions:
    after = {kind: dict(versions) for kind, versions in governing.items()}
    for change in written:
        after.setdefault(change.kind, {})[change.name] = change.version
    return after
