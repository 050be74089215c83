"""What an outcome would mean for delivery, in words, and what to do about it."""

from __future__ import annotations

from typing import assert_never

from streams.endpoints.steps import StepError
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable
from streams.remedies.attempts import ATTEMPTS


def said(outcome: Outcome) -> str:
    """Return what a delivery says; raises StepError, with what delivery would do, where the outcome is none."""
    match outcome:
        case Delivered(status):
            return f"{status}: delivered"
        case Retryable():
            raise failure(f"{_answer(outcome)}: delivery would try again", outcome.reason)
        case Refused():
            raise failure(f"{_answer(outcome)}: delivery would make it a dead letter", outcome.reason)
        case DestinationFault():
            raise failure(f"{_answer(outcome)}: delivery would pause this destination", outcome.reason)
        case _:
            assert_never(outcome)


def failure(what: str, reason: str) -> StepError:
    """Return a failed step with the remedy of its reason."""
    return StepError(what, ATTEMPTS[reason].todo.replace("`", "'"), reason)


def _answer(outcome: Retryable | Refused | DestinationFault) -> str:
    return "no answer" if outcome.status is None else str(outcome.status)
