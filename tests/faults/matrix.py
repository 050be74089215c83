"""Which rows there are, how one is run, and how results are shown and kept."""

from __future__ import annotations

import importlib
import json
import pkgutil
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.brokers import kafka
from tests.faults import rows
from tests.faults.lab import Lab
from tests.faults.result import Result, shown

Run = Callable[[Lab, int], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the matrix."""

    name: str
    what: str
    run: Run


def all_rows() -> dict[str, Row]:
    """Return the rows by name, in the order of their names."""
    modules = [importlib.import_module(f"{rows.__name__}.{each.name}") for each in pkgutil.iter_modules(rows.__path__)]
    found = [Row(module.NAME, module.WHAT, module.run) for module in modules if hasattr(module, "NAME")]
    return {row.name: row for row in sorted(found, key=lambda row: row.name)}


async def run(row: Row, seed: int, *, scale: float = 1.0, keep: Path | None = None) -> Result:
    """Run a row on a broker of its own; with *keep*, what the processes wrote stays in that folder."""
    if keep is not None:
        shutil.rmtree(keep, ignore_errors=True)  # an older run's ledgers would be taken for this one's
    with tempfile.TemporaryDirectory(prefix=f"streams-faults-{row.name}-") as directory, ExitStack() as running:
        lab = Lab(lambda: running.enter_context(kafka.running()), keep or Path(directory), seed, scale=scale)
        try:
            result = await row.run(lab, seed)
        finally:
            await lab.close()
    result.scale = scale
    result.commit, result.date = judged(), datetime.now(UTC).strftime("%Y-%m-%d")
    return result


def judged() -> str:
    """Return the commit that is checked out, with a ``+`` if the package differs from it; empty outside of git."""
    here = Path(__file__).parents[2]
    commit = _git(here, "rev-parse", "--short=10", "HEAD")
    return commit + "+" if commit and _git(here, "status", "--porcelain", "--", "streams") else commit


def _git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=directory, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def table(results: Iterable[Result]) -> str:
    """Return the results as a table for people."""
    head = ("row", "seed", "what was done", "records", "in flight", "lost", "dup.", "at most", "order", "recovery", "")
    lines = [head, *(_cells(each) for each in results)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _cells(each: Result) -> tuple[str, ...]:
    recovery = "" if each.recovery_seconds is None else f"{each.recovery_seconds:.1f} s"
    numbers = (each.records, each.in_flight, each.lost, each.duplicates, each.duplicates_bound, each.order_violations)
    return (each.row, str(each.seed), each.what, *map(shown, numbers), recovery, "passed" if each.passed else "FAILED")


def keep(results: Iterable[Result], path: Path) -> None:
    """Write the results as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([each.as_json() for each in results], indent=2) + "\n")
