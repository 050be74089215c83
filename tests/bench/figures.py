"""The figures of a run: how one is made of several rounds, and kept for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.machine import described
from tests.faults.matrix import judged

Figure = dict[str, Any]
"""``name``, ``params``, ``value``, ``unit``, ``yardstick`` and ``ratio`` (None where there is none), and what else is
worth keeping."""

Params = Mapping[str, object]


def figure(name: str, params: Params, value: float, unit: str, **more: object) -> Figure:
    """Return a figure that has no yardstick."""
    return {"name": name, "params": dict(params), "value": value, "unit": unit, "yardstick": None, "ratio": None} | more


def against(name: str, params: Params, rounds: Sequence[tuple[float, float]], unit: str, **more: object) -> Figure:
    """Return a figure of (value, yardstick) pairs: the medians, and the median of the ratios round by round."""
    ratios = sorted(value / yardstick for value, yardstick in rounds)
    return {
        "name": name,
        "params": dict(params),
        "value": rounded(median(value for value, _ in rounds)),
        "unit": unit,
        "yardstick": rounded(median(yardstick for _, yardstick in rounds)),
        "ratio": round(median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        **more,
    }


def percentile(values: Iterable[float], share: float) -> float:
    """Return the least of the values that so large a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def rounded(value: float) -> float:
    """Return three digits of a small number, one place of a large one."""
    return round(value, 1 if abs(value) >= 10 else 3)


def stamped(figures: Iterable[Figure]) -> list[Figure]:
    """Return the figures with what they were measured of, when, and on what."""
    of = {"commit": judged(), "date": datetime.now(UTC).strftime("%Y-%m-%d"), "machine": described()}
    return [each | of for each in figures]


def keep(figures: Sequence[Figure], path: Path) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=2) + "\n")
