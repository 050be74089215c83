"""A lease is held for less than a session from the moment that an answered request was sent, and never longer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.groups.lease import SHARE_OF_SESSION, LapsedError, Lease

SECONDS = st.floats(0.1, 100, allow_nan=False)
TIMES = st.floats(0, 10_000, allow_nan=False)


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_lease_that_was_never_renewed_is_not_held() -> None:
    lease = Lease(10, Clock())

    assert not lease.held
    with pytest.raises(LapsedError):
        lease.check()


@given(SECONDS, st.lists(TIMES, min_size=1), TIMES)
def test_it_is_held_exactly_until_a_share_of_the_session_after_the_newest_renewal(
    session: float, sent: list[float], now: float
) -> None:
    clock = Clock()
    lease = Lease(session, clock)
    for each in sent:
        lease.renewed(each)
    clock.now = now

    assert lease.held == (now < max(sent) + session * SHARE_OF_SESSION)
    assert lease.held == (lease.left > 0)
    assert lease.left <= max(sent) + session - now


@given(SECONDS, TIMES)
def test_losing_the_membership_ends_it_at_once_and_a_new_one_begins_it_anew(session: float, sent: float) -> None:
    clock = Clock()
    lease = Lease(session, clock)
    clock.now = sent
    lease.renewed(sent)
    lease.ended()
    assert not lease.held

    lease.renewed(sent)

    assert lease.held
    lease.check()
