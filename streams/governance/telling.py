"""Tells people what is violated: on one line, or on several with the whole way from label to action."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streams.governance.evaluating import Lineage, Violation
from streams.governance.policies import written

ANY_ACTION = "any export"
"""What a policy without marketing actions denies."""


def in_short(violations: Iterable[Violation]) -> str:
    """Return all *violations* on one line, with one way of each label of each."""
    return _on_a_line("; ".join(map(_short, violations)))


def lines(violation: Violation) -> Iterator[str]:
    """Yield what is violated, then a line for each way from a label to the action."""
    yield _on_a_line(
        f"destination {violation.destination} violates policy {violation.policy.name}, "
        f"which denies {action_of(violation)} where {written(violation.policy.deny)}"
    )
    yield from (f"  {way(lineage, violation)}" for lineage in violation.lineages)


def way(lineage: Lineage, violation: Violation) -> str:
    """Return the whole way from a label to the action."""
    steps = [f"{lineage.label} on {lineage.on} (in {lineage.document})"]
    if lineage.through != lineage.on:
        steps.append(lineage.through)
    return _on_a_line(" -> ".join((*steps, f"destination {violation.destination}", action_of(violation))))


def action_of(violation: Violation) -> str:
    """Return what is denied: a marketing action, or any export."""
    return violation.action or ANY_ACTION


def _on_a_line(text: str) -> str:
    """Return a text as it is, unless a name in it would steer a terminal."""
    return text if text.isprintable() else ascii(text)[1:-1]


def _short(violation: Violation) -> str:
    first: dict[str, Lineage] = {}
    for lineage in violation.lineages:
        first.setdefault(lineage.label, lineage)
    ways = ", ".join(_brief(lineage) for lineage in first.values())
    return f"policy {violation.policy.name} denies {action_of(violation)}: {ways}"


def _brief(lineage: Lineage) -> str:
    through = "" if lineage.through == lineage.on else f" -> {lineage.through}"
    return f"{lineage.label} on {lineage.on} (in {lineage.document}){through}"
