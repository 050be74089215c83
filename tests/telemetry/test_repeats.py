from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.telemetry.repeats import Repeats

AWAY = ("aiokafka.conn", "cannot connect to %s")


def test_the_first_few_are_shown_and_the_rest_is_counted() -> None:
    repeats = Repeats(first=5, seconds=10)

    assert [repeats.admit(AWAY, 100 + n / 10) for n in range(8)] == [True] * 5 + [False] * 3
    assert repeats.over(109.9) == []
    assert repeats.over(110) == [(AWAY, 3)]
    assert repeats.admit(AWAY, 110)


def test_messages_are_counted_apart() -> None:
    repeats = Repeats(first=1, seconds=10)
    other = ("aiokafka.conn", "closed %s")

    assert [repeats.admit(AWAY, 0), repeats.admit(other, 0), repeats.admit(AWAY, 0)] == [True, True, False]
    assert repeats.end() == [(AWAY, 1)]


def test_a_window_without_anything_withheld_ends_silently() -> None:
    repeats = Repeats(first=2, seconds=10)
    repeats.admit(AWAY, 0)

    assert repeats.over(60) == []


def test_a_clock_set_back_does_not_silence_for_ever() -> None:
    repeats = Repeats(first=1, seconds=10)
    repeats.admit(AWAY, 1_000)
    repeats.admit(AWAY, 1_000)

    assert repeats.over(10) == [(AWAY, 1)]
    assert repeats.admit(AWAY, 10)


def test_ever_new_messages_take_bounded_memory_and_none_is_uncounted() -> None:
    repeats = Repeats(first=1, seconds=10, keep=3)
    for number in range(50):
        assert repeats.admit(("aiokafka", f"message {number}"), 0)
        assert not repeats.admit(("aiokafka", f"message {number}"), 0)

    withheld = repeats.over(1)
    assert [times for _, times in withheld] == [1] * 47
    assert [times for _, times in repeats.end()] == [1] * 3


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 5)), max_size=200),
    st.integers(1, 6),
    st.integers(1, 3),
)
def test_shown_and_withheld_add_up_to_all(steps: list[tuple[str, float]], first: int, keep: int) -> None:
    repeats, now, shown, withheld = Repeats(first=first, seconds=3, keep=keep), 0.0, 0, 0
    for name, pause in steps:
        now += pause
        withheld += sum(times for _, times in repeats.over(now))
        shown += repeats.admit(("aiokafka", name), now)
    withheld += sum(times for _, times in repeats.end())

    assert shown + withheld == len(steps)
