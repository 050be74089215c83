"""What an attempt means: one of the four outcomes, by what happened and what the destination makes of it.

Total: nothing is left without a meaning. By default a 2xx status line delivers; a redirect, which is never followed,
and what blames the request are refused; what blames the moment is tried again; what blames the connection between us
and the destination is the destination's fault, since every record would meet it. The policy of its retries may say
otherwise, and what its document says of a status beats both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from streams.destinations import Delivery, Outcomes
from streams.endpoints.reasons import AttemptReason
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable


class Kind(StrEnum):
    """The four outcomes, as a document names them."""

    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"
    FAULT = "fault"


class Answered(NamedTuple):
    """A status line came; *retry_after* is what came with it, in seconds; *resent*: the id had been sent before."""

    status: int
    retry_after: float | None = None
    resent: bool = False


class Failed(NamedTuple):
    """None came; *retry_after* is what a token server asked for, in seconds."""

    reason: AttemptReason
    retry_after: float | None = None


ADOBE_RETRIED = frozenset({403, 408, 409, 429, 500, 502, 503, 504})
"""What Adobe's destinations try again; of the rest they drop what is not delivered."""

FAULT_REASONS = frozenset(
    {
        AttemptReason.TLS_UNTRUSTED,
        AttemptReason.TLS_FAILED,
        AttemptReason.EGRESS_REFUSED,
        AttemptReason.INVALID_REQUEST,
        AttemptReason.TOKEN_REFUSED,
        AttemptReason.TOKEN_TLS_FAILED,
    }
)
"""Failures without an answer that every record of the destination would meet."""

STATUS_REASONS = {
    401: AttemptReason.UNAUTHORIZED,
    403: AttemptReason.FORBIDDEN,
    404: AttemptReason.NOT_FOUND,
    407: AttemptReason.UNAUTHORIZED,
    408: AttemptReason.REQUEST_TIMEOUT,
    409: AttemptReason.CONFLICT,
    410: AttemptReason.GONE,
    425: AttemptReason.TOO_EARLY,
    429: AttemptReason.THROTTLED,
    501: AttemptReason.NOT_SUPPORTED,
    505: AttemptReason.NOT_SUPPORTED,
    511: AttemptReason.NOT_SUPPORTED,
}
CLASS_REASONS = {
    2: AttemptReason.OVERRIDDEN,
    3: AttemptReason.REDIRECTED,
    4: AttemptReason.REJECTED,
    5: AttemptReason.SERVER_ERROR,
}

_CLASSES = {2: Kind.DELIVERED, 3: Kind.REFUSED, 4: Kind.REFUSED, 5: Kind.RETRY}
_STATUSES = {
    401: Kind.FAULT,  # by then the token has been renewed once
    403: Kind.FAULT,
    407: Kind.FAULT,
    408: Kind.RETRY,
    409: Kind.RETRY,  # what the Idempotency-Key draft asks for while the first attempt is outstanding
    410: Kind.FAULT,
    425: Kind.RETRY,
    429: Kind.RETRY,
    501: Kind.REFUSED,
    505: Kind.REFUSED,
    511: Kind.REFUSED,
}


_DELIVERED = {status: Delivered(status) for status in range(200, 600)}


class Meanings:
    """What the attempts of one destination mean."""

    def __init__(self, delivery: Delivery) -> None:
        self._policy = delivery.retry.policy
        self._overrides = _spread(delivery.outcomes)
        self._kinds = {status: self._kind(status) for status in _DELIVERED}
        self.delivered = {status: _DELIVERED[status] for status, kind in self._kinds.items() if kind is Kind.DELIVERED}
        """What becomes of the answers that deliver, by their status: most are, so they cost no more than this."""

    def of(self, happened: Answered | Failed) -> Outcome:
        """Return what became of an attempt."""
        if isinstance(happened, Failed):
            return self._of_failure(happened)
        status, retry_after, is_resent = happened
        if (delivered := self.delivered.get(status)) is not None:
            return delivered
        outcome = _failure(self.kind(status), _reason(status), status, retry_after)
        return sent_before(outcome) if is_resent else outcome

    def kind(self, status: int) -> Kind:
        """Return what a status means."""
        return self._kinds.get(status, Kind.REFUSED)

    def because(self, status: int) -> str:
        """Return which key of the document gave a status another meaning than it has by default; else nothing."""
        if self.kind(status) is by_default(status):
            return ""
        return "delivery.outcomes" if status in self._overrides else "delivery.retry"

    def _kind(self, status: int) -> Kind:
        if (said := self._overrides.get(status)) is not None:
            return said
        return by_adobe(status) if self._policy == "adobe" else by_default(status)

    def _of_failure(self, failed: Failed) -> Outcome:
        reason, retry_after = failed
        if reason is AttemptReason.UNAUTHORIZED:  # the endpoint refused the token: it cannot be renewed so soon again
            return self.of(Answered(401))
        kind = Kind.FAULT if reason in FAULT_REASONS else Kind.RETRY
        return _failure(kind, reason, None, retry_after)


def by_default(status: int) -> Kind:
    """Return what a status means where nobody says otherwise."""
    return _STATUSES.get(status) or _CLASSES.get(status // 100, Kind.REFUSED)


def by_adobe(status: int) -> Kind:
    """Return what a status means to Adobe's destinations; where they drop all for a bad token, ours is at fault."""
    if status in ADOBE_RETRIED:
        return Kind.RETRY
    kind = by_default(status)
    return Kind.REFUSED if kind is Kind.RETRY else kind


def sent_before(outcome: Outcome) -> Outcome:
    """Return what *outcome* means if the same id had been sent before.

    A 422 is what the Idempotency-Key draft (section 2.7) asks for where an id comes again with another body. Ours comes
    with the same, so who answers that may have taken it the first time: it is told apart, and otherwise as it was.
    """
    if outcome.status != 422 or isinstance(outcome, Delivered):
        return outcome
    return replace(outcome, reason=AttemptReason.REJECTED_AGAIN)


def _failure(kind: Kind, reason: str, status: int | None, retry_after: float | None) -> Outcome:
    if kind is Kind.RETRY:
        return Retryable(reason, status, retry_after)
    if kind is Kind.FAULT:
        return DestinationFault(reason, status, retry_after)
    return Refused(reason, status)


def _reason(status: int) -> AttemptReason:
    return STATUS_REASONS.get(status) or CLASS_REASONS.get(status // 100, AttemptReason.UNKNOWN_ANSWER)


def _spread(outcomes: Outcomes) -> Mapping[int, Kind]:
    """Return what a document says by status: of a class each, but a status by itself beats its class."""
    said = {item: kind for kind in Kind for item in getattr(outcomes, kind)}
    classes = {status: said[status // 100] for status in range(200, 600) if status // 100 in said}
    return classes | {status: kind for status, kind in said.items() if status >= 100}
