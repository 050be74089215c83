from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.storms import LIMIT, WINDOW, Storm


@given(st.lists(st.booleans(), max_size=200))
def test_a_storm_is_so_many_refusals_among_the_last_attempts(refused: list[bool]) -> None:
    storm = Storm()
    for number, each in enumerate(refused, 1):
        if each:
            assert storm.refused() == (sum(refused[max(0, number - WINDOW) : number]) >= LIMIT)
        else:
            storm.passed()


def test_what_was_forgotten_is_not_counted() -> None:
    storm = Storm()
    assert [storm.refused() for _ in range(LIMIT)] == [False] * (LIMIT - 1) + [True]
    storm.forget()

    assert [storm.refused() for _ in range(LIMIT)] == [False] * (LIMIT - 1) + [True]
