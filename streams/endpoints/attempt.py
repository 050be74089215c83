"""What is known of one attempt while it lasts, and so why it failed."""

from __future__ import annotations

import logging

from streams.endpoints.answers import Answer
from streams.endpoints.classification import reason_of
from streams.endpoints.meanings import Failed
from streams.endpoints.reasons import AttemptReason
from streams.endpoints.tokens import TokenError
from streams.endpoints.wires import Wire

log = logging.getLogger(__name__)


class Attempt:
    """How far one attempt has come."""

    __slots__ = ("answer", "awaits_token", "is_resent", "wire")

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.awaits_token = self.is_resent = False
        self.wire: Wire | None = None
        """What the latest request was given to write to."""

    def failed(self, error: Exception) -> Failed:
        """Return why no answer came; of a time-out, what was waited for when it came."""
        if isinstance(error, TokenError):
            return Failed(error.reason, error.retry_after)
        reason = reason_of(error)
        if reason is AttemptReason.UNEXPECTED:
            # The class alone: a message could hold the URL, a header or the body.
            log.error("an attempt failed as none should: %s", type(error).__name__)
        if reason is AttemptReason.TIMED_OUT and self.awaits_token:
            reason = AttemptReason.TOKEN_TIMED_OUT
        elif reason is AttemptReason.TIMED_OUT and self.wire is None:
            reason = AttemptReason.CONNECT_TIMED_OUT
        return Failed(reason)
