"""What is due before the horizon is known, whatever is noted, and no more of it than fits."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.due_times import DueTimes, Place

ONE, TWO = (0, b"one"), (1, b"two")


def test_a_walk_is_due_at_first_and_in_good_time_before_the_horizon() -> None:
    times = DueTimes(span_ms=100)
    assert times.is_walk_due(0)

    times.walk(1_000)

    assert times.horizon == 1_100
    assert not times.is_walk_due(1_049)
    assert times.is_walk_due(1_050)


def test_what_is_due_is_taken_once_the_earliest_first() -> None:
    times = DueTimes(span_ms=100)
    times.walk(0)
    times.note(ONE, 20)
    times.note(TWO, 10)

    assert times.take(9, 5) == []
    assert times.take(20, 5) == [TWO, ONE]
    assert times.take(20, 5) == []


def test_no_more_is_taken_than_is_asked_for() -> None:
    times = DueTimes(span_ms=100)
    times.walk(0)
    times.note(ONE, 10)
    times.note(TWO, 10)

    assert [times.take(10, 0), times.take(10, 1), times.take(10, 1), times.take(10, 1)] == [[], [ONE], [TWO], []]


def test_what_was_noted_of_a_profile_before_counts_no_more() -> None:
    times = DueTimes(span_ms=100)
    times.walk(0)
    times.note(ONE, 10)
    times.note(ONE, 50)

    assert times.take(10, 5) == []
    assert times.take(50, 5) == [ONE]

    times.note(TWO, 60)
    times.note(TWO, 1_000)
    assert times.take(70, 5) == []


def test_what_is_beyond_the_horizon_is_left_to_the_next_walk() -> None:
    times = DueTimes(span_ms=100)
    times.walk(0)
    times.note(ONE, 100)

    assert len(times) == 0


def test_too_many_bring_the_horizon_nearer_until_those_before_it_are_through() -> None:
    times = DueTimes(most=4, span_ms=1_000)
    times.walk(0)
    for number in range(9):
        times.note((0, b"%d" % number), 100 + number)

    assert times.horizon == 104
    assert not times.is_walk_due(104)
    assert len(times.take(103, 9)) == 4
    assert times.is_walk_due(104)


def test_many_that_are_due_at_the_same_moment_are_through_after_some_walks() -> None:
    places: set[Place] = {(0, b"%d" % number) for number in range(40)}
    times, walks = DueTimes(most=4, span_ms=1_000), 0
    while places:
        assert times.is_walk_due(500)
        times.walk(500)
        walks += 1
        for place in places:
            times.note(place, 400)
        places -= set(times.take(500, 100))
        assert walks < 12
    assert walks > 1


notes = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 60)), max_size=60)


@settings(deadline=None)
@given(notes, st.integers(1, 6), st.lists(st.integers(0, 70), max_size=6))
def test_all_that_is_due_before_the_horizon_is_known_and_only_so_many(
    noted: list[tuple[int, int]], most: int, clocks: list[int]
) -> None:
    """As it was noted last, while nobody took it."""
    times, newest = DueTimes(most=most, span_ms=50), dict[Place, int]()
    times.walk(0)
    for number, due_ms in noted:
        newest[0, b"%d" % number] = due_ms
        times.note((0, b"%d" % number), due_ms)
        assert len(times) <= 2 * most
    for clock in sorted(clocks):
        taken = set(times.take(clock, 1_000))
        assert taken <= {place for place, due_ms in newest.items() if due_ms <= clock}
        assert taken >= {place for place, due_ms in newest.items() if due_ms <= clock and due_ms < times.horizon}
        newest = {place: due_ms for place, due_ms in newest.items() if place not in taken}
