"""Why an attempt got no status line, by the exception that came instead. Total: nothing is without a reason."""

from __future__ import annotations

import aiohttp

from streams.endpoints.addresses import EgressRefused
from streams.endpoints.reasons import AttemptReason

# The first class that fits decides, so a class stands above its bases.
_FAILURES: tuple[tuple[type[BaseException], AttemptReason], ...] = (
    (EgressRefused, AttemptReason.EGRESS_REFUSED),
    (aiohttp.ClientConnectorCertificateError, AttemptReason.TLS_UNTRUSTED),
    (aiohttp.ClientConnectorSSLError, AttemptReason.TLS_FAILED),
    (aiohttp.ClientConnectorDNSError, AttemptReason.NAME_UNRESOLVED),
    (aiohttp.ConnectionTimeoutError, AttemptReason.CONNECT_TIMED_OUT),
    (aiohttp.SocketTimeoutError, AttemptReason.READ_TIMED_OUT),
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
