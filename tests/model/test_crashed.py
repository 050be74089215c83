"""The judge of a life with a crash notices what is lost, what is told too much, and an id of two bodies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.model.crashed import Row, recovered
from tests.model.judge import Disagreement, Judge, Sent
from tests.model.laws import Record, Setting
from tests.model.memory import NOW_MS
from tests.model.strategies import INPUTS, moment

SETTING = Setting(INPUTS[1], "newest", [{"name": "one", "segments": ["a"], "attributes": ["email"]}])
ENTERED, EXITED = "realized", "exited"


def a_record(second: int, status: str) -> Record:
    entry = {"lastQualificationTime": moment(NOW_MS, second), "status": status}
    return Record("memberships", {"segmentMembership": {"ups": {"a": entry}}}, NOW_MS)


def a_row(record: int, second: int, status: str, id_: str = "", **more: Any) -> Row:
    entry = {"lastQualificationTime": moment(NOW_MS, second), "status": status}
    trigger = "entered" if status == ENTERED else "exited"
    return Row(record, Sent("one", trigger, {"segmentMembership": {"ups": {"a": entry}}, **more}, id_))


RECORDS = [a_record(0, ENTERED), a_record(1, EXITED)]


@pytest.mark.parametrize(
    ("rows", "repeats"),
    [
        ([a_row(0, 0, ENTERED, "1"), a_row(1, 1, EXITED, "2")], 0),
        ([a_row(1, 1, EXITED, "2")], 0),
        ([a_row(0, 0, ENTERED, "1"), a_row(0, 1, EXITED, "3"), a_row(1, 1, EXITED, "2")], 1),
    ],
)
def test_what_a_crash_may_lead_to_is_taken(rows: list[Row], repeats: int) -> None:
    assert recovered(Judge(SETTING), RECORDS, rows, NOW_MS) == repeats


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([], "must have been told"),
        ([a_row(0, 0, ENTERED)], "must have been told"),
        ([a_row(1, 1, EXITED), a_row(0, 0, ENTERED)], "must have been told"),
        ([a_row(0, 0, ENTERED), a_row(1, 1, EXITED, unmapped=1)], "nothing allows"),
        ([a_row(1, 0, ENTERED), a_row(1, 1, EXITED)], "nothing allows"),
        ([a_row(0, 0, ENTERED, "1"), a_row(1, 1, EXITED, "1")], "two bodies"),
    ],
)
def test_what_it_must_not_lead_to_is_noticed(rows: list[Row], why: str) -> None:
    with pytest.raises(Disagreement, match=why):
        recovered(Judge(SETTING), RECORDS, rows, NOW_MS)
