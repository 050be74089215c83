from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.windows import Window

OFFSETS = st.sets(st.integers(0, 200), min_size=1, max_size=60).map(sorted)
"""Ascending, with gaps: a transaction's marker or a compacted record takes an offset and is never fetched."""


def a_window(offsets: list[int]) -> Window:
    window = Window()
    for offset in offsets:
        window.fetched(offset, 1_000 + offset)
    return window


@given(OFFSETS, st.data())
def test_a_commit_never_passes_an_unfinished_export(offsets: list[int], data: st.DataObject) -> None:
    window, unfinished = a_window(offsets), set(offsets)
    for offset in data.draw(st.permutations(offsets)):
        window.finished(offset)
        unfinished.discard(offset)
        position = window.position

        assert position is not None
        assert all(position <= left for left in unfinished)


@given(OFFSETS, st.data())
def test_a_commit_takes_all_that_is_finished_below_the_oldest_unfinished(
    offsets: list[int], data: st.DataObject
) -> None:
    window = a_window(offsets)
    finished = data.draw(st.sets(st.sampled_from(offsets)))
    for offset in finished:
        window.finished(offset)

    assert window.position == min(set(offsets) - finished, default=offsets[-1] + 1)


@given(OFFSETS, OFFSETS)
def test_what_is_fetched_again_is_not_let_in_twice(first: list[int], again: list[int]) -> None:
    window = a_window(first)
    let_in = [offset for offset in again if window.fetched(offset, 0)]

    assert let_in == [offset for offset in again if offset > first[-1]]
    assert len(window) == len(first) + len(let_in)


def test_before_the_first_export_nothing_is_committed() -> None:
    assert Window().due is None


def test_a_position_is_due_until_the_broker_took_it() -> None:
    window = a_window([5, 6, 9])
    window.finished(5)
    assert window.due == 6

    window.committed(6)
    assert window.due is None

    window.finished(6)
    assert window.due == 9


def test_an_end_that_is_told_twice_is_an_error() -> None:
    window = a_window([1])
    window.finished(1)

    with pytest.raises(KeyError):
        window.finished(1)


def test_ahead_counts_from_the_oldest_unfinished_to_the_newest_fetched() -> None:
    window = a_window([10, 11, 30])
    assert (window.ahead, window.oldest_timestamp) == (20, 1_010)

    window.finished(10)
    assert (window.ahead, window.oldest_timestamp) == (19, 1_011)

    window.finished(11)
    window.finished(30)
    assert (window.ahead, window.oldest_timestamp) == (0, None)
