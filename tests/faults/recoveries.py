"""What a start over a large state took: a table of its own in the README, made of the figures of the runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

_HEAD = ("Row", "Profiles", "Seconds", "Profiles per second", "Peak memory, MiB", "Exports without attributes")
SECONDS = {"K8": "seconds_to_ready", "K8L": "seconds_to_ready", "FIRST": "seconds_to_deliver_history"}
"""The rows that are shown, and which of their figures tells how long it took."""

Run = Mapping[str, Any]


def table(runs: Iterable[Run]) -> str:
    """Return one line for each row that starts over a large state, with the worst of its runs that passed."""
    rows: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run["row"] in SECONDS and run["passed"]:
            rows[run["row"]].append(run["figures"])
    lines = [_HEAD, ("---",) * len(_HEAD), *(_cells(row, rows[row]) for row in SECONDS if row in rows)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _cells(row: str, runs: list[Run]) -> tuple[str, ...]:
    seconds, rate = max(run[SECONDS[row]] for run in runs), min(run["profiles_per_second"] for run in runs)
    peak, incomplete = max(run["peak_rss_mib"] for run in runs), sum(run["half_empty"] for run in runs)
    return (row, _spaced(runs[0]["profiles"]), f"{seconds:.1f}", *map(_spaced, (rate, peak, incomplete)))


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")
