"""Every failure to get a status line has a reason."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.destinations import Delivery
from streams.endpoints.classification import reason_of
from streams.endpoints.meanings import Failed, Meanings
from streams.endpoints.reasons import AttemptReason
from streams.outcomes import Retryable


@given(st.from_type(Exception))
def test_no_exception_is_without_a_reason(error: Exception) -> None:
    assert reason_of(error) in set(AttemptReason)


def test_an_unknown_exception_is_tried_again() -> None:
    assert Meanings(Delivery()).of(Failed(reason_of(ZeroDivisionError()))) == Retryable("unexpected")
