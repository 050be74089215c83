from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from streams.activation.paths import Paths
from streams.activation.profiles import TextSlot
from streams.activation.unions import Unions
from streams.exports import Position
from tests.records import NOW_MS

SOURCES = ("web", "crm")


def a_slot(text: bytes | None, age_ms: int = 0) -> TextSlot:
    return TextSlot(text, Position("p", 0, 0, NOW_MS - age_ms))


def unions(merge: Any = "newest") -> Unions:
    return Unions(Paths([("email",)]), SOURCES, merge)


def test_identities_go_in_the_configured_order_of_sources_and_unknown_sources_come_last() -> None:
    slots = {name: a_slot(b'{"ecid":[{"id":"%s"}]}' % name.encode()) for name in ("crm", "web", "an-old-one")}

    for order in permutations(slots):
        found = unions().identities({name: slots[name] for name in order})

        assert found == b'{"ecid":[{"id":"web"},{"id":"crm"},{"id":"an-old-one"}]}'


def test_what_a_null_took_away_is_no_identity_and_no_value() -> None:
    slots = {"web": a_slot(None), "crm": a_slot(b"{}")}

    assert unions().identities(slots) is None
    assert unions().values(slots) == [None]
    assert unions().values({}) == [None]


@pytest.mark.parametrize(
    ("merge", "ages", "winner"),
    [
        ("newest", {"web": 5, "crm": 0}, b'"crm"'),
        ("newest", {"web": 0, "crm": 5}, b'"web"'),
        ("newest", {"web": 0, "crm": 0}, b'"web"'),
        ("newest", {"web": 5, "an-old-one": 5}, b'"web"'),
        ("precedence", {"web": 5, "crm": 0}, b'"web"'),
        ("precedence", {"crm": 5, "an-old-one": 0}, b'"crm"'),
    ],
)
def test_the_fragment_that_wins_is_the_newest_or_that_of_the_first_source(
    merge: str, ages: dict[str, int], winner: bytes
) -> None:
    for order in permutations(ages):
        slots = {name: a_slot(b'{"email":"%s"}' % name.encode(), ages[name]) for name in order}

        assert unions(merge).values(slots) == [winner]
