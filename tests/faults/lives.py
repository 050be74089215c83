"""What a destination's lives took, and what they cost the other one: a table of its own in the README."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Any

ROW = "LIFE"
_STEPS = ("applied", "changed", "narrowed", "paused", "resumed", "drained and deleted")
_HEAD = ("Seed", *(f"{step}, s" for step in _STEPS), "p99 in quiet, ms", "p99 beside it, ms", "Ratio of medians")

Run = Mapping[str, Any]


def table(runs: Iterable[Run]) -> str:
    """Return one line for each run that passed: of each step the median and the most, and all figures of the pairs."""
    lines = [_HEAD, ("---",) * len(_HEAD)]
    lines += [_cells(run["seed"], run["figures"]) for run in runs if run["row"] == ROW and run["passed"]]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _cells(seed: int, figures: Run) -> tuple[str, ...]:
    took = [[life[step] for life in figures["steps"]] for step in _STEPS]
    steps = [f"{statistics.median(each):.1f} ({max(each):.1f})" for each in took]
    pairs = [", ".join(f"{each:.0f}" for each in figures[name]) for name in ("p99_quiet_ms", "p99_beside_ms")]
    return (str(seed), *steps, *pairs, f"{figures['p99_ratio']:.2f}")
