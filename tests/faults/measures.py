"""Switches each measure off and shows what goes red: ``python -m tests.faults.measures [NAME ...] [--compare]``.

What was seen is kept in ``tests/evidence/measures.json``, and the README's table is made of that: ``--publish`` writes
it. With ``--compare`` the same run is made with the measure in place first; it is to pass.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.brokers import kafka
from tests.faults import matrix, site
from tests.faults.lab import Lab
from tests.faults.measured import MEASURES, Measure
from tests.faults.result import Result, broken_down, shown
from tests.faults.worker import Worker

ROOT = Path(__file__).parents[2]
EVIDENCE = ROOT / "tests" / "evidence" / "measures.json"
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- measures -->\n).*?(<!-- /measures -->)", re.DOTALL)
_HEAD = ("Measure", "Without it", "Row", "Lost", "Repeated (at most)", "Out of order", "Commit, date")

SETTLED_SECONDS = 60.0

Seen = Mapping[str, Any]


class Unmeasured(Lab):
    """A lab whose workers run with one switch, and with more settings."""

    switch = ""
    more: Mapping[str, Any] = {}

    async def open(self, *, settings: Mapping[str, Any] | None = None, **opening: Any) -> None:
        await super().open(settings=site.merged(settings or {}, self.more), **opening)

    def worker(self, name: str, **options: Any) -> Worker:
        return super().worker(name, **{**options, "command": ("-m", "tests.faults.unmeasured", self.switch)})

    async def settled(self, within_seconds: float) -> bool:
        """As any lab, but no longer than it takes where all is well: what is lost is waited for in vain."""
        return await super().settled(min(within_seconds, SETTLED_SECONDS))


async def run(measure: Measure, switch: str, seed: int, keep: Path | None = None) -> Result:
    """Run the measure's row with *switch*; a row that breaks down has failed."""
    row = matrix.all_rows()[measure.row]
    with tempfile.TemporaryDirectory(prefix="streams-measures-") as directory, ExitStack() as running:
        started: Callable[[], kafka.Kafka] = lambda: running.enter_context(kafka.running())  # noqa: E731
        lab = Unmeasured(started, keep or Path(directory), seed, scale=measure.scale)
        lab.switch, lab.more = switch, measure.settings
        try:
            return await row.run(lab, seed)
        except kafka.UnavailableError:
            raise
        except Exception as error:
            return broken_down(row.name, row.what, seed, error)
        finally:
            await lab.close()


def seen(measure: Measure, result: Result, compared: Result | None) -> dict[str, Any]:
    """Return what is kept of a run without a measure, and of the one it is compared with."""
    return {
        "measure": measure.name,
        "text": measure.text,
        "covered": measure.covered,
        "row": measure.row,
        "seed": result.seed,
        "scale": measure.scale,
        "settings": dict(measure.settings),
        "red": {name: texts[:2] for name, texts in sorted(result.violations.items())},
        "lost": result.lost,
        "duplicates": result.duplicates,
        "duplicates_bound": result.duplicates_bound,
        "order_violations": result.order_violations,
        "seconds": result.seconds,
        "with_the_measure": None
        if compared is None
        else ("passed" if compared.passed else sorted(compared.violations)),
        "commit": matrix.judged(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def merged(known: Iterable[Seen], new: Iterable[Seen]) -> list[Seen]:
    """Return what was seen of each measure last, in the order of the measures."""
    last = {each["measure"]: each for each in [*known, *new]}
    return [last[measure.name] for measure in MEASURES if measure.name in last]


def table(kept: Iterable[Seen]) -> str:
    """Return one line for each measure."""
    lines = [_HEAD, ("---",) * len(_HEAD), *map(_cells, kept)]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _cells(each: Seen) -> tuple[str, ...]:
    red = ", ".join(each["red"])
    return (
        each["text"],
        f"{red} red" if red else each.get("covered") or "**nothing** red",
        each["row"],
        shown(each["lost"]),
        f"{shown(each['duplicates'])} ({shown(each['duplicates_bound'])})",
        shown(each["order_violations"]),
        f"`{each['commit']}` {each['date']}",
    )


def published(text: str, kept: Iterable[Seen]) -> str:
    """Return the README's *text* with the table of what is kept."""
    rows = table(kept)
    return BLOCK.sub(lambda found: f"{found[1]}{rows}{found[2]}", text)


def _kept() -> list[Seen]:
    return json.loads(EVIDENCE.read_text()) if EVIDENCE.exists() else []


async def _run_all(chosen: Iterable[Measure], arguments: argparse.Namespace) -> bool:
    """Run each; return whether every one that nothing covers turned something red, and passed with its measure."""
    as_meant = True
    for measure in chosen:
        compared = None
        if arguments.compare:
            compared = await run(measure, measure.compared_with, arguments.seed)
            print(f"{measure.name} in place: {_told(compared)}", file=sys.stderr, flush=True)
        result = await run(measure, measure.name, arguments.seed, arguments.keep)
        print(f"{measure.name} off: {_told(result)}", file=sys.stderr, flush=True)
        as_meant &= result.passed == bool(measure.covered) and (compared is None or compared.passed)
        EVIDENCE.parent.mkdir(exist_ok=True)
        kept = merged(_kept(), [seen(measure, result, compared)])
        EVIDENCE.write_text(json.dumps(kept, indent=2) + "\n")
    return as_meant


def _told(result: Result) -> str:
    lost, repeated, misplaced = map(shown, (result.lost, result.duplicates, result.order_violations))
    end = "passed" if result.passed else json.dumps(result.violations)[:1_500]
    return f"{result.row}: lost {lost}, repeated {repeated}, out of order {misplaced}; {end}"


def main() -> int:
    """Run, keep, publish."""
    names = [measure.name for measure in MEASURES]
    parser = argparse.ArgumentParser(prog="python -m tests.faults.measures", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; none = all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compare", action="store_true", help="run with the measure in place, too")
    parser.add_argument("--keep", type=Path, help="a folder in which logs and ledgers stay")
    parser.add_argument("--publish", action="store_true", help="only write the README's table")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - set(names)):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(names)}")
    if arguments.publish:
        README.write_text(published(README.read_text(), _kept()))
        return 0
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers and topics come and go here
    chosen = [measure for measure in MEASURES if not arguments.names or measure.name in arguments.names]
    return 0 if asyncio.run(_run_all(chosen, arguments)) else 1


if __name__ == "__main__":
    sys.exit(main())
