"""New people come, enter and leave without an end, and never too many at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from streams.demo.crowd import MANY, Crowd
from streams.demo.sample import EXITS, PROFILES, QUALIFICATIONS, Record
from streams.demo.wording import told

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SEGMENTS = ("gold", "readers")


def happenings(count: int, seed: int = 1) -> list[Record]:
    crowd = Crowd(SEGMENTS, Random(seed))
    return [crowd.next(NOW) for _ in range(count)]


def test_each_comes_with_a_profile_enters_a_segment_and_leaves_that_one() -> None:
    known: set[str] = set()
    inside: dict[str, str] = {}
    for record in happenings(500):
        what = told(record, {})
        if record.topic == PROFILES:
            known.add(record.profile)
        elif record.topic == QUALIFICATIONS:
            assert record.profile in known
            inside[record.profile] = what.removeprefix("enters ")
        else:
            assert inside.pop(record.profile) == what.removeprefix("leaves ")
        assert len(inside) <= MANY

    assert {record.topic for record in happenings(500)} == {PROFILES, QUALIFICATIONS, EXITS}


def test_the_same_dice_bring_the_same_people() -> None:
    assert happenings(50) == happenings(50)
    assert happenings(50) != happenings(50, seed=2)
