"""How long a destination's exports took, from the topic to the endpoint's answer: before a fault, and during it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

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
    rows = [rows[0] for key, rows in facts.rows.items() if key not in facts.parked]
    taken = [(row, facts.ended.get(row.key, NEVER)) for row in rows]
    return [ended - row.at for row, ended in taken if begin <= row.at < end and ended < NEVER]


def compared(quiet: Sequence[Iterable[float]], beside: Sequence[Iterable[float]]) -> dict[str, Any]:
    """Return the 99th percentiles of spans that took turns, and the ratio of their medians."""
    p99 = [[figures(each).get("p99_ms", 0.0) for each in spans] for spans in (quiet, beside)]
    ratio = round(statistics.median(p99[1]) / (statistics.median(p99[0]) or 1.0), 3)
    return {"p99_quiet_ms": p99[0], "p99_beside_ms": p99[1], "p99_ratio": ratio}


def figures(seconds: Iterable[float]) -> dict[str, float]:
    """Return what is told of them; nothing of none."""
    ordered = sorted(seconds)
    if not ordered:
        return {"exports": 0}
    return {"exports": len(ordered), "median_ms": _at(ordered, 0.5), "p99_ms": _at(ordered, 0.99)}


def _at(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 1)
