"""Letters are found by what is asked for, counted, and the newest of them kept."""

from __future__ import annotations

from typing import Any

import pytest

from streams.letters.counts import Counts
from streams.letters.letter import Stage
from streams.letters.newest import Newest
from streams.letters.wanted import Wanted
from tests.letters.letters_of import NOW_MS, a_letter


@pytest.mark.parametrize(
    ("asked", "takes"),
    [
        ({}, True),
        ({"reasons": {"refused", "exhausted"}}, True),
        ({"reasons": {"exhausted"}}, False),
        ({"destination": "crm"}, True),
        ({"destination": "ads"}, False),
        ({"stage": Stage.DELIVERY}, True),
        ({"stage": Stage.ACTIVATION}, False),
        ({"since": NOW_MS}, True),
        ({"since": NOW_MS + 1}, False),
        ({"until": NOW_MS + 1}, True),
        ({"until": NOW_MS}, False),
        ({"profile": b"p1"}, True),
        ({"profile": b"p"}, False),
        ({"destination": "crm", "profile": b"p2"}, False),
    ],
)
def test_each_thing_that_is_asked_narrows(asked: Any, takes: bool) -> None:
    assert Wanted(**asked).takes(a_letter()) is takes


def test_they_are_counted_by_reason_and_destination_with_the_first_and_the_last() -> None:
    counts = Counts()
    for letter in (a_letter(at=5), a_letter(at=3), a_letter(at=9, destination="ads"), a_letter(at=4)):
        counts.add(letter)

    told = [
        (reason, destination, each.count, each.first, each.last) for reason, destination, each in counts.most_first()
    ]
    assert told == [("refused", "crm", 3, 3, 5), ("refused", "ads", 1, 9, 9)]


def test_the_newest_are_kept_without_their_bytes_the_newest_last() -> None:
    newest = Newest(2)
    for offset, at in enumerate((7, 9, 8, 9, 1)):
        newest.add(a_letter(offset=offset, at=at))

    assert [(letter.place.offset, letter.written_at) for letter in newest.in_order()] == [(1, 9), (3, 9)]
    assert newest.count == 5
    assert {(letter.body, len(letter.headers), letter.size) for letter in newest.in_order()} == {(None, 0, 2)}
