"""A plan as people and scripts read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import click

from streams.governance import telling
from streams.governance.evaluating import Lineage, Violation
from streams.governance.policies import written
from streams.registry.differences import text_of
from streams.registry.plans import Change

_COLOURS = {"+": "green", "-": "red", "~": "yellow"}
_DONE = {"create": "created", "change": "changed", "nothing": "unchanged"}


def lines(changes: Sequence[Change]) -> Iterator[str]:
    """Yield the plan for people: each document, and below it what differs and what follows from that."""
    for change in changes:
        yield click.style(_head(change), bold=change.action != "nothing")
        yield from details(change)
    counts = Counter(change.action for change in changes)
    yield f"{counts['create']} to create, {counts['change']} to change, {counts['nothing']} unchanged"


def details(change: Change) -> Iterator[str]:
    """Yield what differs in a document, and what follows from that."""
    yield from (f"    {click.style(str(each), fg=_COLOURS[each.sign])}" for each in change.differences)
    if change.narrowed:
        yield (
            f"    minVersion becomes {change.version.min_version}, since {'; '.join(change.narrowed)}: what was "
            "rendered before is not posted any more, but exported anew"
        )
    yield from _verdict(change)


def _verdict(change: Change) -> Iterator[str]:
    """Yield what policies say of a destination, where that is anything."""
    if change.violations:
        yield click.style(f"    {'stays' if change.was_forbidden else 'becomes'} forbidden:", fg="red")
        yield from (f"        {line}" for each in change.violations for line in telling.lines(each))
    elif change.was_forbidden:
        yield click.style("    is allowed again: no policy forbids it any more", fg="green")
    for path in change.unknown:
        yield f"    maps {text_of(path)}, which no union schema knows any more: as it is, it takes no change"


def _head(change: Change) -> str:
    if change.action == "nothing":
        return f"{change.kind} {change.name}: nothing changes (version {change.version.version})"
    why = f", since {change.because}" if change.because else ""
    if change.action == "create":
        return f"{change.kind} {change.name}: is created (version {change.version.version}){why}"
    return (
        f"{change.kind} {change.name}: changes (version {change.version.version - 1} -> {change.version.version}){why}"
    )


def done(change: Change) -> str:
    """Return what has become of a document."""
    why = f", since {change.because}" if change.because else ""
    return f"{change.kind} {change.name}: {_DONE[change.action]} (version {change.version.version}){why}"


def told(change: Change) -> dict[str, Any]:
    """Return a change for scripts."""
    return {
        "kind": change.kind,
        "name": change.name,
        "action": change.action,
        "version": change.version.version,
        "minVersion": change.version.min_version,
        "because": change.because,
        "withdrawn": list(change.narrowed),
        "forbidden": [violation(each) for each in change.violations],
        "wasForbidden": change.was_forbidden,
        "unknown": list(change.unknown),
        "differences": [
            {"sign": each.sign, "path": each.path, "old": each.old, "new": each.new} for each in change.differences
        ],
    }


def violation(violation: Violation) -> dict[str, Any]:
    """Return a violation for scripts."""
    segment = violation.segment
    return {
        "policy": violation.policy.name,
        "marketingAction": violation.action,
        "deny": written(violation.policy.deny),
        "segment": None if segment is None else {"id": segment.id, "namespace": segment.namespace},
        "lineage": list(map(lineage, violation.lineages)),
    }


def lineage(of: Lineage) -> dict[str, str]:
    """Return for scripts how a label comes to a destination."""
    return {"label": of.label, "on": of.on, "in": of.document, "through": of.through}
