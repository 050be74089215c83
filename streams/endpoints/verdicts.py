"""What an outcome would mean for delivery, in words, and what to do about it."""

from __future__ import annotations

from typing import assert_never

from streams.endpoints.meanings import Meanings
from streams.endpoints.steps import StepError
from streams.ends import Reason
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable
from streams.remedies.attempts import ATTEMPTS


def said(outcome: Outcome, meanings: Meanings) -> str:
    """Return what a delivery says; raises StepError, with what delivery would do, where the outcome is none.

    Where an answer means what it means by the destination's document, that is said.
    """
    because = "" if outcome.status is None else meanings.because(outcome.status)
    by = because and f", as {because} says"
    match outcome:
        case Delivered(status):
            return f"{status}: delivered{by}"
        case Retryable():
            what = "delivery would try again"
        case Refused():
            what = "delivery would make it a dead letter"
        case DestinationFault():
            what = "delivery would pause this destination"
        case _:
            assert_never(outcome)
    answer = "no answer" if outcome.status is None else str(outcome.status)
    failed = failure(f"{answer}: {what}{by}", outcome.reason)
    if because:
        failed.remedy = f"nothing, if that is what {answer} is to mean here; else mend {because}"
    raise failed


def too_large(size: int, limit: int) -> StepError:
    """Return the step that fails as a sample of *size* bytes is more than the document allows."""
    what = f"{size} bytes, delivery.maxPayloadBytes is {limit}: delivery would make it a dead letter"
    return StepError(what, "raise that limit, or map less", Reason.TOO_LARGE)


def failure(what: str, reason: str) -> StepError:
    """Return a failed step with the remedy of its reason."""
    return StepError(what, ATTEMPTS[reason].todo.replace("`", "'"), reason)
