"""Each measure can be switched off in the worker as it is, and the README shows what went red without it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.faults.matrix import all_rows
from tests.faults.measured import MEASURES, NAMES
from tests.faults.measures import BLOCK, EVIDENCE, README, merged, published, table

SWITCH_ALL = """
from tests.faults.hooks.switches import SWITCHES
from tests.faults.measured import NAMES
assert SWITCHES.keys() == set(NAMES), SWITCHES.keys() ^ set(NAMES)
for name in NAMES:
    SWITCHES[name]()
"""


def what_was_seen(measure: str, **more: Any) -> dict[str, Any]:
    seen = {"measure": measure, "text": "It holds.", "row": "K1", "seed": 1, "red": {"I1": ["2 in all"]}, "lost": 2}
    seen |= {"duplicates": 3, "duplicates_bound": 9, "order_violations": 0, "commit": "0123456789"}
    return seen | {"date": "2026-11-24"} | more


def test_every_measure_can_be_switched_off_in_the_worker_as_it_is() -> None:
    done = subprocess.run([sys.executable, "-c", SWITCH_ALL], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr[-2000:]


def test_a_measure_that_nobody_knows_is_refused() -> None:
    command = [sys.executable, "-m", "tests.faults.unmeasured", "gravity"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert "no measure 'gravity'" in done.stderr


def test_every_measure_names_a_row_that_is_there() -> None:
    assert {measure.row for measure in MEASURES} <= all_rows().keys()


def test_the_readme_shows_what_was_seen() -> None:
    block = BLOCK.search(README.read_text())

    assert block is not None, "the README has no place for the table"
    assert block[0] == f"{block[1]}{table(json.loads(EVIDENCE.read_text()))}{block[2]}", (
        "python -m tests.faults.measures --publish"
    )


def test_of_each_measure_it_was_seen_what_is_red_without_it_and_that_the_same_run_passes_with_it() -> None:
    kept = {each["measure"]: each for each in json.loads(EVIDENCE.read_text())}

    assert kept.keys() == {measure.name for measure in MEASURES}
    assert [name for name, each in kept.items() if bool(each["red"]) == bool(each.get("covered"))] == []
    assert [name for name, each in kept.items() if each["with_the_measure"] != "passed"] == []


def test_a_measure_that_another_stands_behind_names_a_test_that_is_there() -> None:
    tests = "".join(path.read_text() for path in (README.parent / "tests").rglob("test_*.py"))
    named = [re.findall(r"`(test_\w+)`", measure.covered) for measure in MEASURES if measure.covered]

    assert named
    assert all(len(names) == 1 and f"def {names[0]}(" in tests for names in named)


def test_a_measure_is_shown_with_what_went_red_and_one_without_any_says_so() -> None:
    lines = table([what_was_seen("no-lease"), what_was_seen("no-bitmap", red={}, lost=0)]).splitlines()

    assert lines[2] == "| It holds. | I1 red | K1 | 2 | 3 (9) | 0 | `0123456789` 2026-11-24 |"
    assert lines[3] == "| It holds. | **nothing** red | K1 | 0 | 3 (9) | 0 | `0123456789` 2026-11-24 |"


def test_a_measure_that_another_stands_behind_is_shown_with_that() -> None:
    line = table([what_was_seen("store-early", red={}, lost=0, covered="nothing: it is done again")]).splitlines()[2]

    assert line == "| It holds. | nothing: it is done again | K1 | 0 | 3 (9) | 0 | `0123456789` 2026-11-24 |"


def test_what_was_seen_last_counts_in_the_order_of_the_measures() -> None:
    first, second = NAMES[0], NAMES[1]

    kept = merged([what_was_seen(second), what_was_seen(first)], [what_was_seen(second, lost=7)])

    assert [(each["measure"], each["lost"]) for each in kept] == [(first, 2), (second, 7)]


@pytest.mark.parametrize("text", ["before\n<!-- measures -->\nstale\n<!-- /measures -->\nafter"])
def test_only_the_place_between_the_marks_is_written(text: str) -> None:
    written = published(text, [what_was_seen("no-lease")])

    assert written.startswith("before\n<!-- measures -->\n| Measure")
    assert written.endswith("|\n<!-- /measures -->\nafter")
    assert "stale" not in written
