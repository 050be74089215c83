"""Puts what was measured into the repository: ``python -m tests.faults.publish [FILE ...]`` after ``make faults``.

The runs of the files, or of ``build/faults.json``, go into ``tests/evidence/faults.json``, where each row and seed has
its last run, and the tables of the README are made of that file.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.faults import lives, recoveries, troubles
from tests.faults.result import UNKNOWN

ROOT = Path(__file__).parents[2]
EVIDENCE = ROOT / "tests" / "evidence" / "faults.json"
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- faults -->\n).*?(<!-- /faults -->)", re.DOTALL)
RECOVERIES = re.compile(r"(<!-- recoveries -->\n).*?(<!-- /recoveries -->)", re.DOTALL)

LIVES = re.compile(r"(<!-- lives -->\n).*?(<!-- /lives -->)", re.DOTALL)
TROUBLES = re.compile(r"(<!-- troubles -->\n).*?(<!-- /troubles -->)", re.DOTALL)

Run = Mapping[str, Any]
_HEAD = (
    *("Row", "What was done", "Seeds", "Records", "In flight at the fault", "Lost", "Repeated (at most)"),
    *("Out of order", "Seconds to recover", "Commit, date"),
)


def natural(row: str) -> list[tuple[int, str]]:
    """Return what sorts K10 behind K9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", row)]


def merged(known: Iterable[Run], new: Iterable[Run]) -> list[Run]:
    """Return the runs of both, the new one where both have one of a row and a seed; a part of a row is refused."""
    new = list(new)
    if small := sorted({run["row"] for run in new if run.get("scale", 1.0) < 1}):
        raise SystemExit(f"of {', '.join(small)} only a part was run (--scale): what is published is whole")
    runs = {(run["row"], run["seed"]): run for run in [*known, *new]}
    return sorted(runs.values(), key=lambda run: (natural(run["row"]), run["seed"]))


def table(runs: Iterable[Run]) -> str:
    """Return one line for each row: the sums of what must be 0, the most of what is bounded."""
    rows: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        rows[run["row"]].append(run)
    lines = [_HEAD, ("---",) * len(_HEAD), *(_cells(row, rows[row]) for row in sorted(rows, key=natural))]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _cells(row: str, runs: list[Run]) -> tuple[str, ...]:
    whole = [run for run in runs if run["records"] is not None]
    worst = max(whole, key=lambda run: (run["duplicates"], run["duplicates_bound"]), default=None)
    recoveries = [run["recovery_seconds"] for run in whole if run["recovery_seconds"] is not None]
    failed = ", ".join(str(run["seed"]) for run in runs if not run["passed"])
    return (
        row,
        runs[0]["what"] + (f" (**failed** with seed {failed})" if failed else ""),
        ", ".join(str(run["seed"]) for run in runs),
        _figure(sum, whole, "records"),
        _figure(max, whole, "in_flight"),
        _figure(sum, whole, "lost"),
        UNKNOWN if worst is None else f"{worst['duplicates']} ({worst['duplicates_bound']})",
        _figure(sum, whole, "order_violations"),
        f"{max(recoveries):.1f}" if recoveries else "",
        ", ".join(sorted({f"`{run['commit']}` {run['date']}" for run in runs})),
    )


def _figure(of: Callable[[list[int]], int], runs: list[Run], name: str) -> str:
    """Return the sum or the most of the runs that came to their end."""
    return f"{of([run[name] for run in runs]):,}".replace(",", " ") if runs else UNKNOWN


def repeated(runs: Iterable[Run]) -> str:
    """Return a sentence on how much was repeated: after a crash, on average and at most, and of all requests."""
    whole = [run for run in runs if run["records"] is not None]
    after = [fault["repeated"] for run in whole for fault in run["figures"]["faults"] if fault["bound"]]
    requests, again = sum(run["figures"]["requests"] for run in whole), sum(run["duplicates"] for run in whole)
    if not after:
        return "No crash explains any repetition.\n"
    mean, share = round(sum(after) / len(after)), again / requests
    return f"After each of {len(after)} crashes {mean} requests came again, {max(after)} at most: {share:.1%} of all.\n"


def shown(runs: Sequence[Run]) -> str:
    """Return what stands in the README's place for the runs."""
    return f"{table(runs)}\n{repeated(runs)}"


def written(readme: str, runs: Sequence[Run]) -> str:
    """Return the README with what the runs have shown."""
    readme = BLOCK.sub(lambda found: found[1] + shown(runs) + found[2], readme)
    readme = RECOVERIES.sub(lambda found: found[1] + recoveries.table(runs) + found[2], readme)
    readme = LIVES.sub(lambda found: found[1] + lives.table(runs) + found[2], readme)
    return TROUBLES.sub(lambda found: found[1] + troubles.table(runs) + found[2], readme)


def main() -> int:
    """Publish."""
    files = [Path(name) for name in sys.argv[1:]] or [ROOT / "build" / "faults.json"]
    runs = json.loads(EVIDENCE.read_text()) if EVIDENCE.exists() else []
    for file in files:
        runs = merged(runs, json.loads(file.read_text()))
    EVIDENCE.parent.mkdir(parents=True, exist_ok=True)
    EVIDENCE.write_text(json.dumps(runs, indent=1) + "\n")
    README.write_text(written(README.read_text(), runs))
    print(shown(runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
