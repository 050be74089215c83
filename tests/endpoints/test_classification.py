"""Every failure to get a status line has a reason."""

from __future__ import annotations

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.destinations import Delivery
from streams.endpoints.addresses import EgressRefused
from streams.endpoints.classification import reason_of
from streams.endpoints.meanings import Failed, Meanings
from streams.endpoints.reasons import AttemptReason
from streams.outcomes import Retryable


@given(st.from_type(Exception))
def test_no_exception_is_without_a_reason(error: Exception) -> None:
    assert reason_of(error) in set(AttemptReason)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (aiohttp.ConnectionTimeoutError(), "connect-timed-out"),
        (aiohttp.SocketTimeoutError(), "read-timed-out"),
        (aiohttp.ServerTimeoutError(), "timed-out"),
        (TimeoutError(), "timed-out"),
        (aiohttp.ServerDisconnectedError(), "disconnected"),
        (aiohttp.ClientOSError(104, "reset"), "disconnected"),
        (aiohttp.ClientConnectionResetError(), "disconnected"),
        (aiohttp.ClientPayloadError(), "invalid-answer"),
        (aiohttp.InvalidURL("x"), "invalid-request"),
        (aiohttp.NonHttpUrlClientError("x"), "invalid-request"),
        (EgressRefused("10.0.0.1", "private"), "egress-refused"),
        (OSError(24, "too many open files"), "disconnected"),
    ],
)
def test_the_first_class_that_fits_decides(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


def test_an_unknown_exception_is_tried_again() -> None:
    assert Meanings(Delivery()).of(Failed(reason_of(ZeroDivisionError()))) == Retryable("unexpected")
