"""The figures of a run: how one is made of several rounds, shown to people, and kept for scripts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

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
        "value": round(median(value for value, _ in rounds), 1),
        "unit": unit,
        "yardstick": round(median(yardstick for _, yardstick in rounds), 1),
        "ratio": round(median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        **more,
    }


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a table."""
    head = ("name", "value", "unit", "yardstick", "ratio", "ratios", "params")
    rows = [head, *(_cells(each) for each in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _cells(each: Figure) -> tuple[str, ...]:
    ratios, params = each.get("ratios", ()), each["params"]
    plain = [_text(each[key]) for key in ("name", "value", "unit", "yardstick", "ratio")]
    return (*plain, " ".join(map(str, ratios)), " ".join(f"{key}={value}" for key, value in params.items()))


def _text(value: object) -> str:
    return "" if value is None else str(value)


def keep(figures: Sequence[Figure], path: Path) -> None:
    """Write the figures as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(figures, indent=2) + "\n")
