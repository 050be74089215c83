"""What the rows measured in which an endpoint is in trouble, or makes some: a table of its own in the README."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

_HEAD = ("Row", "Measured", "With each seed")
_MIB = 1024 * 1024

Run = Mapping[str, Any]
Figure = tuple[str, str, Callable[[Run], str]]


def table(runs: Iterable[Run]) -> str:
    """Return one line for each figure of the rows that passed, with its value of each seed."""
    passed = [run for run in runs if run["passed"]]
    lines = [_HEAD, ("---",) * len(_HEAD)]
    for row, what, told in FIGURES:
        if values := [told(run["figures"]) for run in passed if run["row"] == row]:
            lines.append((row, what, "; ".join(values)))
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _told(name: str, form: str = "{}") -> Callable[[Run], str]:
    return lambda figures: form.format(figures[name])


def _attempts(*kinds: str) -> Callable[[Run], str]:
    return lambda figures: ", ".join(f"{figures['attempts'][kind]['p99_seconds']:.1f}" for kind in kinds)


def _beyond(figures: Run) -> str:
    return f"{min(each['least_beyond_ms'] for each in figures['forms'].values()):.0f}"


def _asked(figures: Run) -> str:
    return str(sum(each["told"] for each in figures["forms"].values()))


def _outcomes(figures: Run) -> str:
    return ", ".join(
        f"{way} {count} {what}" for way, each in figures["outcomes"].items() for what, count in each.items()
    )


def _growth(figures: Run) -> str:
    return ", ".join(f"{figures['growth_bytes'][way] / _MIB:.1f}" for way in ("huge", "bomb", "endless"))


def _storm(status: str, *names: str) -> Callable[[Run], str]:
    return lambda figures: ", ".join(str(figures["storms"][status][name]) for name in names)


def _pairs(figures: Run) -> str:
    """Return the ratio, and the pairs that it is made of."""
    pairs = zip(figures["p99_quiet_ms"], figures["p99_beside_ms"], strict=True)
    told = ", ".join(f"{quiet:.0f} to {beside:.0f}" for quiet, beside in pairs)
    return f"{figures['p99_ratio']:.2f} ({told})"


def _each(name: str) -> Callable[[Run], str]:
    return lambda figures: ", ".join(map(str, figures[name]))


def _drained(figures: Run) -> str:
    return f"{figures['drained_per_second']} of {figures['allowed_per_second']:g}"


FIGURES: Sequence[Figure] = (
    ("H1", "requests per export", _told("attempts_per_export")),
    ("H1", "exports that waited in the end", _told("waiting")),
    ("H1", "seconds to the first delivery afterwards", _told("seconds_to_resume")),
    ("H1", "drained per second", _told("drained_per_second")),
    ("H2", "answers with `Retry-After`", _asked),
    ("H2", "least that was waited beyond what was asked, ms", _beyond),
    (
        "H3",
        "p99 of an attempt, s (time-out 5 s): no answer, slow head, slow body",
        _attempts("hang", "slow-head", "slow-body"),
    ),
    (
        "H3",
        "the same where the request is read at 1 B/s",
        lambda figures: f"{figures['slow_reads']['p99_seconds']:.1f}",
    ),
    ("H3", "sockets leaked", _told("leaked_sockets")),
    ("H4", "what became of the exports", _outcomes),
    ("H4", "retries that keep-alive races cost", _told("retries_by_races")),
    ("H5", "growth of the worker's memory, MiB: 1 GB, gzip bomb, endless chunks", _growth),
    (
        "H9",
        "404: dead letters, seconds to pause, seconds to resume",
        _storm("404", "dead_letters", "seconds_to_pause", "seconds_to_resume"),
    ),
    (
        "H9",
        "401: dead letters, seconds to pause, seconds to resume",
        _storm("401", "dead_letters", "seconds_to_pause", "seconds_to_resume"),
    ),
    ("H10", "ratio of the other nine's p99 (ms in quiet to ms beside it)", _pairs),
    (
        "OUTAGE",
        "growth of the worker's memory after the first minute, MiB",
        lambda figures: f"{figures['growth_bytes'] / _MIB:.1f}",
    ),
    ("OUTAGE", "requests that failed, most of them before it paused", _told("probes")),
    ("OUTAGE", "exports that waited in the end", _told("waiting")),
    ("OUTAGE", "seconds to the first delivery afterwards", _told("seconds_to_resume")),
    ("OUTAGE", "drained per second", _drained),
    ("ALONE", "seconds until the profile is given up", _each("seconds_to_give_up")),
    ("ALONE", "ratio of the others' p99 (ms in quiet to ms beside it)", _pairs),
    (
        "AHEAD",
        "seconds for which all others stood still: `maxAhead`, `maxPending`",
        lambda figures: f"{figures['stood_still_seconds_crm']}, {figures['stood_still_seconds_hot']}",
    ),
    ("FORBID", "changes of the state in three such records", lambda figures: str(len(figures["state_changes"]))),
    ("FORBID", "seconds until the record is refused", _each("seconds_to_refuse")),
)
"""Row, what is told, and how."""
