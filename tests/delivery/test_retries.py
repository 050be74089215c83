"""A pause is within its bounds, spread over them, and never shorter than what was asked for; then comes an end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.retries import asked_of_all, backoff, exhausted, pause, probe_interval
from streams.destinations import Retry
from streams.outcomes import DestinationFault, Outcome, Retryable

RETRY = Retry()
ADOBE = Retry(policy="adobe")
ATTEMPTS = st.integers(min_value=0, max_value=10_000)
DICE = st.floats(min_value=0.0, max_value=1.0, exclude_max=True)


@given(ATTEMPTS, DICE)
def test_a_backoff_is_between_half_a_second_and_a_minute(attempts: int, dice: float) -> None:
    assert 0.5 <= backoff(attempts, RETRY, lambda: dice) <= 60.0


def test_the_range_of_a_backoff_doubles_until_its_cap() -> None:
    highest = [backoff(attempts, RETRY, lambda: 1.0) for attempts in range(1, 9)]

    assert highest == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


@given(ATTEMPTS)
def test_the_whole_range_is_jitter(attempts: int) -> None:
    assert backoff(attempts, RETRY, lambda: 0.0) == 0.5


@given(
    ATTEMPTS,
    DICE,
    st.floats(min_value=0.0, max_value=1e9),
    st.sampled_from([RETRY, ADOBE]),
    st.sampled_from([Retryable, DestinationFault]),
)
def test_no_one_comes_back_before_it_was_asked_to(
    attempts: int, dice: float, asked: float, retry: Retry, kind: type[Retryable | DestinationFault]
) -> None:
    seconds = pause(attempts, kind("throttled", 429, asked), retry, lambda: dice)
    unasked = pause(attempts, kind("throttled", 429), retry, lambda: dice)

    assert max(unasked, min(asked, 3600.0)) <= seconds <= max(unasked, min(asked, 3600.0) + 0.5)


@given(ATTEMPTS, DICE, st.sampled_from([Retryable("server-error", 503), DestinationFault("gone", 410)]))
def test_without_a_wish_the_backoff_stands(attempts: int, dice: float, outcome: Outcome) -> None:
    assert pause(attempts, outcome, RETRY, lambda: dice) == backoff(attempts, RETRY, lambda: dice)


@given(DICE)
def test_adobe_comes_back_after_15_and_after_30_seconds(dice: float) -> None:
    waits = [pause(attempts, Retryable("server-error", 503), ADOBE, lambda: dice) for attempts in (1, 2, 3, 99)]

    assert waits == [15.0 + 0.5 * dice, *[30.0 + 0.5 * dice] * 3]


@given(st.floats(min_value=0.0, max_value=1e9))
def test_adobe_gives_up_what_failed_three_times_however_long_that_took(elapsed: float) -> None:
    assert [exhausted(retries, elapsed, ADOBE) for retries in (1, 2, 3, 4)] == [False, False, True, True]


@given(ATTEMPTS)
def test_durable_gives_up_after_its_time_however_often_that_was(retries: int) -> None:
    assert [exhausted(retries, elapsed, RETRY) for elapsed in (0.0, 899.9, 900.0)] == [False, False, True]


@given(st.floats(min_value=0.0, max_value=1e9), DICE)
def test_an_endpoint_is_left_alone_for_as_long_as_it_asks_up_to_the_cap_and_little_longer(
    asked: float, dice: float
) -> None:
    assert asked_of_all(asked, RETRY, lambda: dice) == min(asked, 3600.0) + 0.5 * dice


def test_probes_come_less_and_less_often_until_the_cap() -> None:
    longest = [probe_interval(probes, RETRY, lambda: 1.0) for probes in range(9)]
    shortest = [probe_interval(probes, RETRY, lambda: 0.0) for probes in range(9)]

    assert longest == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert shortest == [each / 2 for each in longest]
