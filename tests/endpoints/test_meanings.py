"""Every attempt has a meaning, and what the document says beats the policy, which beats the table."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.destinations import Delivery, Outcomes, Retry
from streams.endpoints.meanings import (
    FAULT_REASONS,
    Answered,
    Failed,
    Kind,
    Meanings,
    by_adobe,
    by_default,
    sent_before,
)
from streams.endpoints.reasons import AttemptReason
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable

DEFAULT = Meanings(Delivery())
ADOBE = Meanings(Delivery(retry=Retry(policy="adobe")))
CLASSES: dict[Kind, type[Outcome]] = {
    Kind.DELIVERED: Delivered,
    Kind.RETRY: Retryable,
    Kind.REFUSED: Refused,
    Kind.FAULT: DestinationFault,
}
ITEMS = (2, 3, 4, 5, *range(200, 600))


def overriding(**outcomes: tuple[int, ...]) -> Meanings:
    return Meanings(Delivery(outcomes=Outcomes(**outcomes)))


@st.composite
def documents(draw: st.DrawFn) -> Delivery:
    """Return the bounds of a destination that calls some answers something."""
    said = draw(st.dictionaries(st.sampled_from(ITEMS), st.sampled_from(Kind), max_size=30))
    lists = {kind.value: tuple(item for item, called in said.items() if called is kind) for kind in Kind}
    return Delivery(retry=Retry(policy=draw(st.sampled_from(["durable", "adobe"]))), outcomes=Outcomes(**lists))


@pytest.mark.parametrize(
    ("statuses", "meaning"),
    [
        ([200, 201, 202, 203, 204, 206, 207, 226, 299], Delivered),
        ([300, 301, 302, 303, 304, 307, 308], Refused),
        ([400, 402, 404, 405, 406, 411, 412, 413, 414, 415, 418, 422, 423, 428, 431, 451, 499], Refused),
        ([401, 403, 407, 410], DestinationFault),
        ([408, 409, 425, 429], Retryable),
        ([500, 502, 503, 504, 507, 508, *range(520, 531), 599], Retryable),
        ([501, 505, 511, 101, 600, 999], Refused),
    ],
)
def test_a_status_means_one_outcome(statuses: list[int], meaning: type[Outcome]) -> None:
    assert [type(DEFAULT.of(Answered(status))) for status in statuses] == [meaning] * len(statuses)


@pytest.mark.parametrize(
    ("statuses", "meaning"),
    [
        ([200, 204], Delivered),
        ([403, 408, 409, 429, 500, 502, 503, 504], Retryable),
        ([302, 400, 404, 422, 425, 501, 505, 507, 520, 599], Refused),
        ([401, 407, 410], DestinationFault),
    ],
)
def test_adobe_tries_its_own_codes_again_and_drops_the_others(statuses: list[int], meaning: type[Outcome]) -> None:
    assert [type(ADOBE.of(Answered(status))) for status in statuses] == [meaning] * len(statuses)


@given(documents(), st.integers(), st.none() | st.floats(min_value=0, max_value=3600), st.booleans())
def test_no_answer_is_without_a_meaning(
    delivery: Delivery, status: int, retry_after: float | None, is_resent: bool
) -> None:
    meanings = Meanings(delivery)
    outcome = meanings.of(Answered(status, retry_after, is_resent))

    assert isinstance(outcome, get_args(Outcome))
    assert isinstance(outcome, CLASSES[meanings.kind(status)])
    assert outcome.status == status
    assert isinstance(outcome, Delivered) or outcome.reason in set(AttemptReason)
    assert not isinstance(outcome, Retryable | DestinationFault) or outcome.retry_after == retry_after


@given(documents(), st.sampled_from(AttemptReason), st.none() | st.floats(min_value=0, max_value=3600))
def test_no_failure_is_without_a_meaning(delivery: Delivery, reason: AttemptReason, retry_after: float | None) -> None:
    outcome = Meanings(delivery).of(Failed(reason, retry_after))

    if reason is AttemptReason.UNAUTHORIZED:
        assert outcome == Meanings(delivery).of(Answered(401))
    elif reason in FAULT_REASONS:
        assert outcome == DestinationFault(reason, None, retry_after)
    else:
        assert outcome == Retryable(reason, None, retry_after)


@given(documents(), st.integers(200, 599))
def test_a_status_beats_its_class_which_beats_the_policy(delivery: Delivery, status: int) -> None:
    said = {item: kind for kind in Kind for item in getattr(delivery.outcomes, kind)}
    otherwise = by_adobe(status) if delivery.retry.policy == "adobe" else by_default(status)
    meanings = Meanings(delivery)

    assert meanings.kind(status) is said.get(status, said.get(status // 100, otherwise))
    if meanings.kind(status) is by_default(status):
        assert meanings.because(status) == ""
    else:
        is_said = status in said or status // 100 in said
        assert meanings.because(status) == ("delivery.outcomes" if is_said else "delivery.retry")


@pytest.mark.parametrize(
    ("meanings", "status", "outcome"),
    [
        (overriding(delivered=(409,)), 409, Delivered(409)),
        (overriding(delivered=(303,)), 303, Delivered(303)),
        (overriding(retry=(404,)), 404, Retryable("not-found", 404)),
        (overriding(retry=(202,)), 202, Retryable("overridden", 202)),
        (overriding(refused=(5,)), 503, Refused("server-error", 503)),
        (overriding(refused=(5,), retry=(503,)), 503, Retryable("server-error", 503)),
        (overriding(fault=(418,)), 418, DestinationFault("rejected", 418)),
        (overriding(retry=(401,)), 401, Retryable("unauthorized", 401)),
    ],
)
def test_what_a_document_says_is_what_an_answer_means(meanings: Meanings, status: int, outcome: Outcome) -> None:
    assert meanings.of(Answered(status)) == outcome


def test_what_a_document_says_beats_adobe() -> None:
    adobe = Meanings(Delivery(retry=Retry(policy="adobe"), outcomes=Outcomes(fault=(403,), retry=(425,))))

    assert adobe.of(Answered(403)) == DestinationFault("forbidden", 403)
    assert adobe.of(Answered(425)) == Retryable("too-early", 425)


def test_a_422_is_told_apart_where_the_id_had_been_sent_before() -> None:
    assert DEFAULT.of(Answered(422)) == Refused("rejected", 422)
    assert DEFAULT.of(Answered(422, resent=True)) == Refused("rejected-again", 422)
    assert overriding(retry=(422,)).of(Answered(422, 7.0, resent=True)) == Retryable("rejected-again", 422, 7.0)
    assert overriding(delivered=(422,)).of(Answered(422, resent=True)) == Delivered(422)


@given(st.integers(200, 599).filter(lambda status: status != 422))
def test_no_other_answer_means_something_else_the_second_time(status: int) -> None:
    outcome = DEFAULT.of(Answered(status))

    assert sent_before(outcome) is outcome
    assert DEFAULT.of(Answered(status, resent=True)) == outcome
