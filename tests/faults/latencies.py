"""How long a destination's exports took, from the topic to the endpoint's answer: before a fault, and during it."""

from __future__ import annotations

from collections.abc import Iterable

from tests.faults.evidence import Fault
from tests.faults.facts import NEVER, Facts


def latencies(facts: Facts, fault: Fault) -> dict[str, dict[str, float]]:
    """Return the median and the 99th percentile, in milliseconds, of exports written before and during *fault*."""
    return {
        "before": figures(between(facts, 0.0, fault.began)),
        "during": figures(between(facts, fault.began, fault.ended or NEVER)),
    }


def between(facts: Facts, begin: float, end: float) -> list[float]:
    """Return the seconds that each export took that was written between two moments and was delivered."""
    taken = [(row, facts.ended.get(rows[0].key, NEVER)) for rows in facts.rows.values() for row in rows[:1]]
    return [ended - row.at for row, ended in taken if begin <= row.at < end and ended < NEVER]


def figures(seconds: Iterable[float]) -> dict[str, float]:
    """Return what is told of them; nothing of none."""
    ordered = sorted(seconds)
    if not ordered:
        return {"exports": 0}
    return {"exports": len(ordered), "median_ms": _at(ordered, 0.5), "p99_ms": _at(ordered, 0.99)}


def _at(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 1)
