from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.delivery.rates import ALLOWANCE_SECONDS, PRECISION_SECONDS, Rate
from streams.delivery.shares import Share

RATES = st.sampled_from([0.1, 1.0, 7.5, 20.0, 60.0, 1_000.0])
PAUSES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.0, 0.001, 0.02, 0.3, 5.0]), st.sampled_from(["take", "book", "count"])),
    max_size=80,
)


def allowed(per_second: float, seconds: float) -> float:
    return per_second * seconds + max(1.0, per_second * ALLOWANCE_SECONDS)


def holds(begun: list[float], per_second: float) -> bool:
    """Whether no stretch of time has more requests than the rate and its allowance."""
    begun = sorted(begun)
    return all(
        last - first + 1 <= allowed(per_second, begun[last] - begun[first] + 2 * PRECISION_SECONDS)
        for first in range(len(begun))
        for last in range(first, len(begun))
    )


@given(RATES, PAUSES)
def test_no_stretch_of_time_has_more_than_the_rate_and_the_allowance(
    per_second: float, asked: list[tuple[float, str]]
) -> None:
    rate, now, begun = Rate(), 50.0, list[float]()
    rate.limit(per_second, now)
    for pause, how in asked:
        now += pause
        if how == "book":
            begun.append(now + rate.book(now))
        elif how == "count":
            begun += [now] * sum([rate.take(now) == 0.0 for _ in range(rate.count(now))])
        elif rate.take(now) == 0.0:
            begun.append(now)

    assert holds(begun, per_second)


@given(RATES, st.lists(st.sampled_from([0.0, 0.001, 0.02]), min_size=1, max_size=20))
def test_who_asks_when_he_is_told_to_gets_the_whole_rate_although_he_is_late(
    per_second: float, late: list[float]
) -> None:
    rate, began, now, count = Rate(), 50.0, 50.0, 0
    rate.limit(per_second, began)
    while count < 100:
        if seconds := rate.take(now):
            now += seconds + late[count % len(late)]
        else:
            count += 1

    lost = 0.0 if per_second > 1 / ALLOWANCE_SECONDS else 0.02 * per_second
    assert count >= (now - began) * per_second * (1 - lost) - 1


@given(RATES, st.integers(1, 5))
def test_a_count_is_what_may_be_begun_at_once(per_second: float, asked: int) -> None:
    rate = Rate()
    rate.limit(per_second, 0.0)
    for _ in range(asked):
        rate.take(0.0)
    count = rate.count(0.0)

    assert [rate.take(0.0) for _ in range(count)] == [0.0] * count
    assert rate.take(0.0) > 0.0


def test_without_a_limit_nothing_waits() -> None:
    rate = Rate()
    assert [rate.take(0.0) for _ in range(10_000)] == [0.0] * 10_000
    assert rate.book(0.0) == 0.0
    assert rate.count(0.0) > 10_000


def test_a_changed_rate_forgets_nothing_that_was_begun_and_makes_nobody_wait_by_the_old_one() -> None:
    rate = Rate()
    rate.limit(0.01, 0.0)
    assert rate.take(0.0) == 0.0
    assert rate.take(0.0) == pytest.approx(100.0, abs=0.001)

    rate.limit(10.0, 0.0)
    assert rate.take(0.0) == pytest.approx(0.1, abs=0.001)
    rate.limit(None, 0.0)
    assert rate.take(0.0) == 0.0


OWNERS = st.lists(st.integers(1, 12), min_size=1, max_size=8)


@given(OWNERS, st.integers(1, 4_096), st.floats(0.01, 1e6))
def test_the_shares_of_all_workers_are_the_whole(owned: list[int], most: int, per_second: float) -> None:
    shares = [Share(each, sum(owned)) for each in owned]
    in_flight = [share.in_flight(most) for share in shares]

    assert sum(share.per_second(per_second) or 0.0 for share in shares) == pytest.approx(per_second)
    assert min(in_flight) >= 1
    assert sum(in_flight) <= most or in_flight.count(1) > 0
    assert sum(each for each in in_flight if each > 1) <= most


def test_a_share_is_that_of_the_partitions() -> None:
    assert (Share(2, 3).in_flight(64), Share(1, 3).in_flight(64), Share(1, 3).in_flight(1)) == (42, 21, 1)
    assert Share(2, 3).per_second(30.0) == 20.0
    assert Share(1, 3).per_second(1.0) == pytest.approx(1 / 3)
    assert Share(0, 3).per_second(30.0) is None
    assert Share(1, 3).per_second(None) is None
