"""The README shows what was measured: its table is made of the runs that are kept."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.faults import lives, recoveries, troubles
from tests.faults.matrix import all_rows
from tests.faults.publish import (
    BLOCK,
    EVIDENCE,
    LIVES,
    README,
    RECOVERIES,
    TROUBLES,
    merged,
    natural,
    repeated,
    shown,
    table,
    written,
)
from tests.faults.result import UNKNOWN, broken_down

SEEDS = 3


def a_run(row: str = "K1", seed: int = 1, **more: Any) -> dict[str, Any]:
    run = {"row": row, "seed": seed, "what": "a kill", "records": 1_000, "in_flight": 9, "lost": 0, "duplicates": 3}
    run |= {"duplicates_bound": 12, "order_violations": 0, "recovery_seconds": 7.25, "passed": True, "scale": 1.0}
    run |= {"figures": {"requests": 50, "faults": []}}
    return run | {"commit": "0123456789", "date": "2026-11-24"} | more


def test_the_readme_shows_the_runs_that_are_kept() -> None:
    text, runs = README.read_text(), json.loads(EVIDENCE.read_text())

    assert BLOCK.search(text), "the README has no place for the table"
    assert RECOVERIES.search(text), "the README has no place for the recoveries"
    assert LIVES.search(text), "the README has no place for the lives"
    assert TROUBLES.search(text), "the README has no place for the troubles"
    assert text == written(text, runs), "python -m tests.faults.publish"


def test_the_runs_that_are_kept_passed_lost_nothing_and_kept_order() -> None:
    runs = json.loads(EVIDENCE.read_text())

    assert [run["row"] for run in runs if not run["passed"]] == []
    assert [run["row"] for run in runs if run["lost"] or run["order_violations"]] == []


def test_every_row_was_run_whole_with_three_seeds() -> None:
    runs = json.loads(EVIDENCE.read_text())

    assert Counter(run["row"] for run in runs) == dict.fromkeys(all_rows(), SEEDS)
    assert {run["scale"] for run in runs} == {1.0}


def test_a_row_sums_what_must_be_nothing_and_shows_the_most_of_what_is_bounded() -> None:
    runs = [a_run(), a_run(seed=2, lost=2, duplicates=8, duplicates_bound=40, in_flight=30, recovery_seconds=9.0)]

    assert table(runs).splitlines()[2] == (
        "| K1 | a kill | 1, 2 | 2 000 | 30 | 2 | 8 (40) | 0 | 9.0 | `0123456789` 2026-11-24 |"
    )


def test_a_run_that_failed_is_shown_as_one() -> None:
    assert "a kill (**failed** with seed 2)" in table([a_run(), a_run(seed=2, passed=False)])


def test_a_run_that_broke_down_has_no_numbers() -> None:
    broken = broken_down("K1", "a kill", 2, OSError("no broker")).as_json()
    what, numbers = "| K1 | a kill (**failed** with seed 2) |", " | ".join([UNKNOWN] * 5)

    assert table([broken]).splitlines()[2].startswith(f"{what} 2 | {numbers} |  | ")
    assert table([a_run(), broken]).splitlines()[2].startswith(f"{what} 1, 2 | 1 000 | 9 | 0 | 3 (12) | 0 | 7.2 | ")


def test_a_part_of_a_row_is_not_published() -> None:
    with pytest.raises(SystemExit, match="of K1, K3 only a part was run"):
        merged([a_run()], [a_run("K3", scale=0.1), a_run(scale=0.99), a_run("K2", scale=6.0)])


def test_a_new_run_replaces_the_old_one_of_its_row_and_seed_and_no_other() -> None:
    runs = merged([a_run(), a_run(seed=2), a_run("K10")], [a_run(seed=2, lost=1), a_run("K3")])

    assert [(run["row"], run["seed"], run["lost"]) for run in runs] == [
        ("K1", 1, 0),
        ("K1", 2, 1),
        ("K3", 1, 0),
        ("K10", 1, 0),
    ]


def test_how_much_was_repeated_is_said_in_one_sentence() -> None:
    figures = {"requests": 100, "faults": [{"bound": 9, "repeated": 2}, {"bound": 3, "repeated": 1}, {"bound": 0}]}

    assert repeated([a_run(figures=figures)]) == (
        "After each of 2 crashes 2 requests came again, 2 at most: 3.0% of all.\n"
    )
    assert repeated([a_run()]) == "No crash explains any repetition.\n"


def test_a_large_state_is_shown_with_the_worst_of_its_runs() -> None:
    took = {"profiles": 1_000_000, "seconds_to_ready": 20.0, "profiles_per_second": 90_000}
    took |= {"peak_rss_mib": 300, "half_empty": 0}
    slower = took | {"seconds_to_ready": 40.0, "profiles_per_second": 80_000}
    runs = [a_run("K8", figures=took), a_run("K8", seed=2, figures=slower)]

    assert recoveries.table([*runs, a_run()]).splitlines()[2:] == ["| K8 | 1 000 000 | 40.0 | 80 000 | 300 | 0 |"]


def test_lives_are_shown_with_the_median_and_the_most_of_each_step_and_with_all_pairs() -> None:
    life = {"applied": 1.0, "changed": 2.0, "narrowed": 3.0, "paused": 4.0, "resumed": 5.0, "drained and deleted": 6.0}
    slow = {step: seconds * 2 for step, seconds in life.items()}
    figures = {"steps": [life, life, slow], "p99_quiet_ms": [10.0, 20.4], "p99_beside_ms": [11.0, 21.0]}
    run = a_run("LIFE", figures={**figures, "p99_ratio": 1.061})

    assert lives.table([run, a_run(), a_run("LIFE", passed=False)]).splitlines()[2:] == [
        ("| 1 | 1.0 (2.0) | 2.0 (4.0) | 3.0 (6.0) | 4.0 (8.0) | 5.0 (10.0) | 6.0 (12.0) | 10, 20 | 11, 21 | 1.06 |")
    ]


def test_only_what_the_runs_have_shown_is_written() -> None:
    marks = "before\n<!-- faults -->\n{}<!-- /faults -->\nafter\n<!-- recoveries -->\n{}<!-- /recoveries -->\nend\n"
    marks += "<!-- lives -->\n{}<!-- /lives -->\n<!-- troubles -->\n{}<!-- /troubles -->\n"
    runs = [a_run()]

    old, tables = marks.format(*["old\n"] * 4), (recoveries.table(runs), lives.table(runs), troubles.table(runs))
    assert written(old, runs) == marks.format(shown(runs), *tables)


def test_what_was_measured_of_an_endpoints_trouble_is_shown_with_each_seed() -> None:
    figures = {"p99_quiet_ms": [10.0, 20.4], "p99_beside_ms": [11.0, 21.0], "p99_ratio": 1.061}
    runs = [a_run("H10", seed=seed, figures=figures) for seed in (1, 2)]
    told = "1.06 (10 to 11, 20 to 21)"

    assert troubles.table([*runs, a_run(), a_run("H10", passed=False)]).splitlines()[2:] == [
        f"| H10 | ratio of the other nine's p99 (ms in quiet to ms beside it) | {told}; {told} |"
    ]


@pytest.mark.parametrize(("rows", "expected"), [(["K10", "K4c", "K4", "D1"], ["D1", "K4", "K4c", "K10"])])
def test_rows_stand_in_the_order_people_expect(rows: list[str], expected: list[str]) -> None:
    assert sorted(rows, key=natural) == expected
