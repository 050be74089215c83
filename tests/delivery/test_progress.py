from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.progress import RUNS_AFTER_DELIVERY_SECONDS, Progress

STEPS = st.lists(st.tuples(st.integers(0, 100), st.booleans()), max_size=30)


@given(STEPS)
def test_the_clock_runs_exactly_while_a_delivery_is_at_most_thirty_seconds_old(steps: list[tuple[int, bool]]) -> None:
    progress, now, deliveries, running = Progress(), 1_000, list[int](), 0
    for seconds, is_delivered in steps:
        for second in range(now, now + seconds):
            running += any(0 <= second - at < RUNS_AFTER_DELIVERY_SECONDS for at in deliveries)
        now += seconds
        if is_delivered:
            progress.delivered(now)
            deliveries.append(now)

        assert progress.elapsed(now) == running


@dataclass
class Record:
    held: float = 0.0


def test_the_clock_runs_for_a_record_that_holds_up_everything_and_for_no_other() -> None:
    progress, one, other = Progress(), Record(), Record()
    progress.held_up(100.0, [one])
    progress.held_up(160.0, [one, other])
    progress.held_up(170.0, [other])
    progress.held_up(500.0, [])
    progress.held_up(600.0, [])

    assert (one.held, other.held, progress.elapsed(600.0)) == (70.0, 340.0, 0.0)


def test_what_the_clock_has_run_for_all_is_not_counted_twice() -> None:
    progress, record = Progress(), Record()
    progress.delivered(100.0)
    progress.held_up(100.0, [record])
    progress.held_up(150.0, [record])

    assert (progress.elapsed(150.0), record.held) == (30.0, 20.0)


def test_without_a_delivery_the_clock_stands() -> None:
    assert Progress().elapsed(1e9) == 0.0


@given(STEPS)
def test_a_doubt_takes_nothing_from_the_clock_once_it_turns_out_to_be_none(steps: list[tuple[int, bool]]) -> None:
    doubting, trusting, now = Progress(), Progress(), 1_000.0
    for seconds, is_delivered in steps:
        now += seconds
        if is_delivered:
            doubting.delivered(now)
            trusting.delivered(now)
            assert doubting.elapsed(now) == trusting.elapsed(now)
        else:
            doubting.doubted(now)
            before = doubting.elapsed(now)
            assert doubting.elapsed(now + 10.0) == before


def test_what_was_doubted_when_the_clock_was_stopped_is_never_counted() -> None:
    progress = Progress()
    progress.delivered(100.0)
    progress.doubted(101.0)
    progress.stopped(120.0)
    progress.delivered(500.0)

    assert progress.elapsed(502.0) == 3.0


def test_a_clock_that_was_stopped_runs_again_with_the_next_delivery() -> None:
    progress, record = Progress(), Record()
    progress.delivered(100.0)
    progress.held_up(100.0, [record])
    progress.stopped(105.0)
    assert progress.elapsed(120.0) == 5.0

    progress.delivered(120.0)
    assert progress.elapsed(122.0) == 7.0
    assert record.held == 0.0
