"""What an answer, or a failure to get one, means: one of the four outcomes. Total: nothing is left without a meaning.

The table is the design's: a 2xx status line decides; a redirect is never followed; what blames the request is refused;
what blames the moment is tried again; what blames the connection between us and the destination is the destination's
fault, since every record would meet it.
"""

from __future__ import annotations

from enum import StrEnum

import aiohttp

from streams.endpoints.addresses import EgressRefused
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable


class AttemptReason(StrEnum):
    """Why an attempt did not deliver: the closed list behind ``Outcome.reason``; never an URL, a header or a token."""

    REDIRECTED = "redirected"
    REJECTED = "rejected"
    NOT_FOUND = "not-found"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    GONE = "gone"
    REQUEST_TIMEOUT = "request-timeout"
    CONFLICT = "conflict"
    TOO_EARLY = "too-early"
    THROTTLED = "throttled"
    SERVER_ERROR = "server-error"
    NOT_SUPPORTED = "not-supported"
    UNKNOWN_ANSWER = "unknown-answer"

    TIMED_OUT = "timed-out"
    NAME_UNRESOLVED = "name-unresolved"
    CONNECT_FAILED = "connect-failed"
    DISCONNECTED = "disconnected"
    INVALID_ANSWER = "invalid-answer"
    TLS_UNTRUSTED = "tls-untrusted"
    TLS_FAILED = "tls-failed"
    EGRESS_REFUSED = "egress-refused"
    INVALID_REQUEST = "invalid-request"
    UNEXPECTED = "unexpected"

    # A reason is no password, though it speaks of tokens.
    TOKEN_TIMED_OUT = "token-timed-out"  # noqa: S105
    TOKEN_UNAVAILABLE = "token-unavailable"  # noqa: S105
    TOKEN_INVALID = "token-invalid"  # noqa: S105
    TOKEN_REFUSED = "token-refused"  # noqa: S105
    TOKEN_TLS_FAILED = "token-tls-failed"  # noqa: S105


_RETRIED = {
    408: AttemptReason.REQUEST_TIMEOUT,
    409: AttemptReason.CONFLICT,  # what the Idempotency-Key draft asks for while the first attempt is outstanding
    425: AttemptReason.TOO_EARLY,
    429: AttemptReason.THROTTLED,
}
_FAULTS = {
    401: AttemptReason.UNAUTHORIZED,  # by then the token has been renewed once
    403: AttemptReason.FORBIDDEN,
    407: AttemptReason.UNAUTHORIZED,
    410: AttemptReason.GONE,
}
_REFUSED = {
    404: AttemptReason.NOT_FOUND,
    501: AttemptReason.NOT_SUPPORTED,
    505: AttemptReason.NOT_SUPPORTED,
    511: AttemptReason.NOT_SUPPORTED,
}
_REFUSED_CLASSES = {3: AttemptReason.REDIRECTED, 4: AttemptReason.REJECTED}

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


def of_status(status: int, retry_after: float | None = None) -> Outcome:
    """Return what a status line means; *retry_after* is what came with it, in seconds."""
    if 200 <= status <= 299:
        return Delivered(status)
    if status in _RETRIED:
        return Retryable(_RETRIED[status], status, retry_after)
    if status in _FAULTS:
        return DestinationFault(_FAULTS[status], status)
    if status in _REFUSED:
        return Refused(_REFUSED[status], status)
    if 500 <= status <= 599:
        return Retryable(AttemptReason.SERVER_ERROR, status, retry_after)
    return Refused(_REFUSED_CLASSES.get(status // 100, AttemptReason.UNKNOWN_ANSWER), status)


def of_failure(reason: AttemptReason, retry_after: float | None = None) -> Outcome:
    """Return what an attempt without an answer means; *retry_after* is what a token server asked for, in seconds."""
    if reason is AttemptReason.UNAUTHORIZED:  # the endpoint refused the token, and it cannot be renewed so soon again
        return of_status(401)
    return DestinationFault(reason) if reason in FAULT_REASONS else Retryable(reason, None, retry_after)


# The first class that fits decides, so a class stands above its bases.
_FAILURES: tuple[tuple[type[BaseException], AttemptReason], ...] = (
    (EgressRefused, AttemptReason.EGRESS_REFUSED),
    (aiohttp.ClientConnectorCertificateError, AttemptReason.TLS_UNTRUSTED),
    (aiohttp.ClientConnectorSSLError, AttemptReason.TLS_FAILED),
    (aiohttp.ClientConnectorDNSError, AttemptReason.NAME_UNRESOLVED),
    (TimeoutError, AttemptReason.TIMED_OUT),  # not always an aiohttp.ClientError
    (aiohttp.ClientConnectorError, AttemptReason.CONNECT_FAILED),
    (aiohttp.ClientConnectionError, AttemptReason.DISCONNECTED),
    (aiohttp.InvalidURL, AttemptReason.INVALID_REQUEST),
    (aiohttp.NonHttpUrlClientError, AttemptReason.INVALID_REQUEST),
    (aiohttp.ClientResponseError, AttemptReason.INVALID_ANSWER),  # its status 400 is the parser's, not the server's
    (aiohttp.ClientPayloadError, AttemptReason.INVALID_ANSWER),
    (OSError, AttemptReason.DISCONNECTED),
)


def reason_of(error: BaseException) -> AttemptReason:
    """Return why an attempt got no status line."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, EgressRefused):
        return AttemptReason.EGRESS_REFUSED
    return next((reason for kind, reason in _FAILURES if isinstance(error, kind)), AttemptReason.UNEXPECTED)
