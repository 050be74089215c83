"""What policies say of destinations once a plan is applied: which become forbidden, which are allowed again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from streams.configuration.governing import Versions, governed
from streams.configuration.problems import ConfigurationError
from streams.configuration.stored import stored_without_secrets
from streams.governance.evaluating import Governance, Lineage, Violation, carried, evaluate
from streams.registry.changes import Change, Standing
from streams.registry.records import DESTINATION, GOVERNING, Version


def with_verdicts(changes: Sequence[Change], standing: Standing) -> Iterator[Change]:
    """Yield *changes* with what policies say of the destinations then.

    Behind them comes a change of each other destination in force that becomes forbidden by them, or allowed.
    """
    before, after = _before_and_after(changes, standing)
    if not before.policies and not after.policies:
        yield from changes
        return
    for change in changes:
        yield _judged(change, before, after) if change.kind == DESTINATION else change
    if before == after:
        return
    known = {change.name for change in changes if change.kind == DESTINATION}
    for name, version in sorted(standing.destinations.items()):
        if name not in known and version.life != "deleted":
            judged = _judged(Change(DESTINATION, name, "nothing", version, version), before, after)
            if bool(judged.violations) != judged.was_forbidden:
                yield judged


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


def _before_and_after(changes: Iterable[Change], standing: Standing) -> tuple[Governance, Governance]:
    before = governed(standing.governing).governance
    written = [change for change in changes if change.kind in GOVERNING and change.action != "nothing"]
    return before, governed(_with(standing.governing, written)).governance if written else before


def _with(governing: Versions, written: Iterable[Change]) -> Versions:
    after = {kind: dict(versions) for kind, versions in governing.items()}
    for change in written:
        after.setdefault(change.kind, {})[change.name] = change.version
    return after


def _judged(change: Change, before: Governance, after: Governance) -> Change:
    base = change.base
    was = base is not None and base.life != "deleted" and bool(violations_of(base, before))
    return replace(change, violations=violations_of(change.version, after), was_forbidden=was)
