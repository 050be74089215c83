"""Whole cases, typed by hand: what comes in, what is mapped, and what each record must lead to, text for text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.golden_cases import GOLDEN, Worker, cases, expected, inputs, read

_LINK = re.compile(r"\]\(([a-z0-9-]+)\)")
INDEX = (GOLDEN / "README.md").read_text()


@pytest.mark.parametrize("case", cases(), ids=lambda path: path.name)
def test_each_record_leads_to_exactly_the_exports_typed_by_hand(case: Path) -> None:
    worker = Worker(case)

    for number, (given, wanted) in enumerate(zip(inputs(case), expected(case), strict=True), 1):
        outcome = worker.take(given)

        found = (outcome.end, outcome.reason, outcome.excluded)
        assert found == (wanted.end, wanted.reason, wanted.excluded), f"record {number}"
        assert {name: read(body) for name, body in outcome.exports.items()} == {
            name: read(body) for name, body in wanted.exports.items()
        }, f"record {number}"
        assert outcome.because == wanted.triggers, f"record {number}"


def test_the_seed_arrives_as_exactly_its_json_and_nothing_more() -> None:
    case = GOLDEN / "seed"
    worker = Worker(case)
    outcomes = [worker.take(each) for each in inputs(case)]

    assert read(outcomes[-1].exports["crm"]) == read((case / "seed.json").read_bytes())


@pytest.mark.parametrize("case", cases(), ids=lambda path: path.name)
def test_each_case_says_why_and_tells_each_of_its_records(case: Path) -> None:
    text = (case / "README.md").read_text()

    assert text.startswith("# ")
    assert re.findall(r"^(\d+)\. ", text, re.MULTILINE) == [str(n) for n in range(1, len(inputs(case)) + 1)]


def test_the_index_names_every_case_and_no_other() -> None:
    assert sorted(set(_LINK.findall(INDEX))) == [case.name for case in cases()]


def test_each_row_of_the_published_tables_has_a_case() -> None:
    rows = [line for line in INDEX.splitlines() if line.startswith("| ")]
    heads = [line for line in rows if line.endswith("| case |")]

    assert len(heads) == 4
    assert [row for row in rows if row not in heads and not row.startswith("| ---") and not _LINK.search(row)] == []
