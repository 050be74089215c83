from __future__ import annotations

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


def test_the_clock_runs_while_few_records_block_everything() -> None:
    progress = Progress()
    progress.blocked(100.0, is_blocked=True)
    assert progress.elapsed(160.0) == 60.0

    progress.blocked(170.0, is_blocked=False)
    assert progress.elapsed(500.0) == 70.0


def test_without_a_delivery_the_clock_stands() -> None:
    assert Progress().elapsed(1e9) == 0.0


def test_a_clock_that_was_stopped_runs_again_with_the_next_delivery() -> None:
    progress = Progress()
    progress.delivered(100.0)
    progress.blocked(100.0, is_blocked=True)
    progress.stopped(105.0)
    assert progress.elapsed(120.0) == 5.0

    progress.delivered(120.0)
    assert progress.elapsed(122.0) == 7.0
