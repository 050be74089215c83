"""Puts what was measured into the repository: ``python -m tests.bench.publish [FILE ...]`` after ``make bench``.

The figures of the files, or of ``build/bench.json``, take the place of those in ``tests/evidence/bench.json``; the
tables of the README and the picture beside the evidence are made of that file. ``bench-before.json`` beside it holds
what was measured before the work on speed, and stays.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.bench import grid
from tests.bench.__main__ import NAMES
from tests.bench.figures import Figure, keep
from tests.bench.plot import plot
from tests.bench.table import grouped, params, span, value
from tests.bench.targets import target_of, verdict

ROOT = Path(__file__).parents[2]
EVIDENCE = ROOT / "tests" / "evidence" / "bench.json"
BEFORE = EVIDENCE.with_name("bench-before.json")
PICTURE = EVIDENCE.with_suffix(".svg")
README = ROOT / "README.md"
BLOCK = re.compile(r"(<!-- bench -->\n).*?(<!-- /bench -->)", re.DOTALL)

_HEAD = ("Figure", "Of", "Before", "Value", "Yardstick", "Ratio (in the rounds)", "At least", "Reach for", "Reached?")
_IN_THE_GRID = {*grid.CPU_OF.values(), *grid.LATENCY_OF.values()}
_WHOS = [grid.Who(stage, batch) for stage in grid.CPU_OF for batch in grid.BATCHES]


def merged(figures: Iterable[Figure]) -> list[Figure]:
    """Return the last figure of each name and parameters, in the order of a whole run."""
    last = {_key(each): each for each in figures}
    return sorted(last.values(), key=lambda each: NAMES.index(each["name"]))


def _key(each: Figure) -> tuple[str, str]:
    return each["name"], json.dumps(each["params"], sort_keys=True)


def shown(figures: Sequence[Figure], before: Iterable[Figure] = ()) -> str:
    """Return what stands in the README's place for the figures; the table tells what they were *before*, too."""
    earlier = {_key(each): each for each in before}
    main = [each for each in figures if each["name"] not in _IN_THE_GRID or (target_of(each) and _is_main(each))]
    parts = [
        _measured(figures),
        _table(_HEAD, (_line(each, earlier.get(_key(each))) for each in main)),
        "CPU per export, its ratio to the bare loop of the same rounds, and exports a second:\n",
        _grid(figures, grid.CPU_OF, _cost, _bare_cost),
        f"Milliseconds from when a record was due to the 2xx, p50 / p99 / p99.9, at {grid.RATE} a second:\n",
        _grid(figures, grid.LATENCY_OF, _spread, _bare_spread),
    ]
    return "\n".join(parts)


def written(readme: str, figures: Sequence[Figure], before: Iterable[Figure] = ()) -> str:
    """Return the README with the figures."""
    return BLOCK.sub(lambda found: found[1] + shown(figures, before) + found[2], readme)


def _is_main(each: Figure) -> bool:
    load = {"latency_ms": grid.MAIN.latency_ms, "payload_bytes": grid.MAIN.payload_bytes}
    return all(each["params"][key] == of for key, of in load.items())


def _measured(figures: Sequence[Figure]) -> str:
    of = sorted({(each["date"], each["commit"], each["machine"]) for each in figures})
    runs = "; ".join(f"commit `{commit}` on {date}, {machine}" for date, commit, machine in of)
    return f"Measured of {runs}; broker, endpoint and generator ran on the same machine.\n"


def _line(each: Figure, before: Figure | None) -> tuple[str, ...]:
    yardstick = "" if each["yardstick"] is None else f"{grouped(each['yardstick'])} {each['unit']}"
    ratio = "" if each["ratio"] is None else f"{each['ratio']:.2f}"
    rounds = span(each.get("ratios", ()))
    spread = f"{ratio} ({rounds})" if rounds else ratio
    was = "" if before is None else _brief(before)
    return (f"`{each['name']}`", params(each), was, value(each), yardstick, spread, *verdict(each))


def _brief(each: Figure) -> str:
    return f"{grouped(each['value'])} {each['unit']}" + (f" ({each['ratio']:.2f})" if each["ratio"] else "")


def _grid(figures: Sequence[Figure], names: Mapping[str, str], cell: Any, bare: Any) -> str:
    found = {
        (each["name"], each["params"]["latency_ms"], each["params"]["payload_bytes"], each["params"]["batch"]): each
        for each in figures
        if each["name"] in names.values()
    }
    lines = []
    for load in grid.LOADS:
        key = (load.latency_ms, load.payload_bytes)
        ours = [found.get((names[who.stage], *key, who.batch)) for who in _WHOS]
        if first := next((each for each in ours if each), None):
            start = (f"{load.latency_ms} ms, {load.payload_bytes} bytes", bare(first))
            lines.append((*start, *(cell(each) if each else "" for each in ours)))
    return _table(("Endpoint, body", "Bare loop", *(str(who) for who in _WHOS)), lines)


def _cost(each: Figure) -> str:
    return f"{each['value']:.0f} us (**{each['ratio']:.2f}**), {grouped(each['exports_per_second'])}/s"


def _bare_cost(each: Figure) -> str:
    return f"{each['yardstick']:.0f} us, {grouped(each['yardstick_exports_per_second'])}/s"


def _spread(each: Figure) -> str:
    return f"{each['p50']:g} / {each['p99']:g} / {each['p99.9']:g}"


def _bare_spread(each: Figure) -> str:
    return f"{each['yardstick_p50']:g} / {each['yardstick']:g} / {each['yardstick_p99.9']:g}"


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def main() -> int:
    """Publish."""
    files = [Path(name) for name in sys.argv[1:]] or [ROOT / "build" / "bench.json"]
    figures = merged(each for file in files for each in json.loads(file.read_text()))
    before = json.loads(BEFORE.read_text())
    keep(figures, EVIDENCE)
    PICTURE.write_text(plot(figures))
    README.write_text(written(README.read_text(), figures, before))
    print(shown(figures, before))
    return 0


if __name__ == "__main__":
    sys.exit(main())
