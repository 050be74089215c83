"""Why an attempt did not deliver: a closed list, behind ``Outcome.reason``."""

from __future__ import annotations

from enum import StrEnum


class AttemptReason(StrEnum):
    """What of an answer, or of the way to it, decided; never an URL, a header or a token."""

    REDIRECTED = "redirected"
    REJECTED = "rejected"
    REJECTED_AGAIN = "rejected-again"
    """422 to an id that had been sent before: see `meanings.sent_before`."""
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
    OVERRIDDEN = "overridden"
    """A 2xx that the destination's document does not take for a delivery."""
    UNKNOWN_ANSWER = "unknown-answer"

    TIMED_OUT = "timed-out"
    CONNECT_TIMED_OUT = "connect-timed-out"
    READ_TIMED_OUT = "read-timed-out"
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
