"""What to do about an attempt that did not deliver, for each of its reasons."""

from __future__ import annotations

from typing import assert_never

from streams.endpoints.classification import AttemptReason as Why
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable

_SERVER = "ask who runs the endpoint what its log says"
_TOKEN_SERVER = "ask who runs the token server what its log says"  # noqa: S105 - it names a server

REMEDIES: dict[Why, str] = {
    Why.REDIRECTED: "write the URL that it redirects to as httpEndpoint: redirects are not followed",
    Why.REJECTED: "compare the sample with what the endpoint takes: segments, attributes and their targets, headers",
    Why.NOT_FOUND: "check the path of httpEndpoint",
    Why.UNAUTHORIZED: "check the account's credentials, or the secret header that the endpoint wants",
    Why.FORBIDDEN: "let who runs the endpoint allow this client, or check the account's scope and headers",
    Why.GONE: "ask for the endpoint's new URL",
    Why.REQUEST_TIMEOUT: _SERVER,
    Why.CONFLICT: "nothing, if the endpoint knows this sample from a moment ago; otherwise " + _SERVER,
    Why.TOO_EARLY: "try again in a minute",
    Why.THROTTLED: "try again in a minute; for good, lower delivery.maxInFlight",
    Why.SERVER_ERROR: _SERVER,
    Why.NOT_SUPPORTED: "check httpEndpoint: what answers there takes no such request",
    Why.UNKNOWN_ANSWER: _SERVER,
    Why.TIMED_OUT: "raise delivery.timeoutSeconds, if the endpoint is slow; otherwise " + _SERVER,
    Why.NAME_UNRESOLVED: "check the host in the URL, and this machine's DNS",
    Why.CONNECT_FAILED: "see whether the server runs, the port is right, and no firewall is in the way",
    Why.DISCONNECTED: "the connection ended without an answer, as where a server wants a client's certificate: "
    + _SERVER,
    Why.INVALID_ANSWER: "see whether an HTTP server answers there",
    Why.TLS_UNTRUSTED: "see the step tls",
    Why.TLS_FAILED: "see the step tls",
    Why.EGRESS_REFUSED: "see the step egress",
    Why.INVALID_REQUEST: "check httpEndpoint",
    Why.UNEXPECTED: "report it, please: a defect of ours",
    Why.TOKEN_TIMED_OUT: _TOKEN_SERVER,
    Why.TOKEN_UNAVAILABLE: _TOKEN_SERVER,
    Why.TOKEN_INVALID: "check authEndpoint: an OAuth2 token server answers with access_token, a Bearer token, as JSON",
    Why.TOKEN_REFUSED: "check clientID, clientSecret, clientCredentialsType and scope",
    Why.TOKEN_TLS_FAILED: "see the step tls of the token server",
}


def remedy_of(reason: str) -> str:
    """Return what to do."""
    return REMEDIES[Why(reason)]


def told(outcome: Outcome) -> str:
    """Return what an outcome is, and what delivery would do then."""
    match outcome:
        case Delivered(status):
            return f"{status}: delivered"
        case Retryable():
            return f"{_answer(outcome)}: delivery would try again"
        case Refused():
            return f"{_answer(outcome)}: delivery would make it a dead letter"
        case DestinationFault():
            return f"{_answer(outcome)}: delivery would pause this destination"
        case _:
            assert_never(outcome)


def _answer(outcome: Retryable | Refused | DestinationFault) -> str:
    return outcome.reason if outcome.status is None else f"{outcome.status}, {outcome.reason}"
