"""Every status and every failure has a meaning."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.endpoints.classification import FAULT_REASONS, AttemptReason, of_failure, of_status, reason_of
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable


@pytest.mark.parametrize(
    ("statuses", "meaning"),
    [
        ([200, 201, 202, 203, 204, 206, 207, 226, 299], Delivered),
        ([300, 301, 302, 303, 304, 307, 308], Refused),
        ([400, 402, 404, 405, 406, 411, 412, 413, 414, 415, 418, 422, 423, 428, 431, 451, 499], Refused),
        ([401, 403, 407, 410], DestinationFault),
        ([408, 409, 425, 429], Retryable),
        ([500, 502, 503, 504, 507, 508, 520, 522, 524, 530, 599], Retryable),
        ([501, 505, 511, 101, 600, 999], Refused),
    ],
)
def test_a_status_means_one_outcome(statuses: list[int], meaning: type[Outcome]) -> None:
    assert [type(of_status(status)) for status in statuses] == [meaning] * len(statuses)


@given(st.integers(), st.none() | st.floats(min_value=0, max_value=3600))
def test_no_status_is_without_a_meaning(status: int, retry_after: float | None) -> None:
    outcome = of_status(status, retry_after)

    assert isinstance(outcome, get_args(Outcome))
    assert outcome.status == status
    assert isinstance(outcome, Delivered) == (200 <= status <= 299)
    assert isinstance(outcome, Delivered) or outcome.reason in set(AttemptReason)
    assert not isinstance(outcome, Retryable) or outcome.retry_after == retry_after


@pytest.mark.parametrize("reason", AttemptReason)
def test_a_failure_is_a_fault_or_tried_again(reason: AttemptReason) -> None:
    outcome = of_failure(reason)

    is_fault = reason in FAULT_REASONS or reason is AttemptReason.UNAUTHORIZED
    assert isinstance(outcome, DestinationFault if is_fault else Retryable)
    assert outcome.reason == reason


@given(st.from_type(Exception))
def test_no_exception_is_without_a_reason(error: Exception) -> None:
    assert reason_of(error) in set(AttemptReason)


def test_an_unknown_exception_is_tried_again() -> None:
    assert isinstance(of_failure(reason_of(ZeroDivisionError())), Retryable)
