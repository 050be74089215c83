"""Access tokens from an OAuth2 token server: the client credentials grant, on authlib's client core.

authlib prepares the request (RFC 6749 sections 2.3.1 and 4.4); it travels on a session of our own, behind the egress
guard, with certificates verified and no redirect followed. Nothing that the server says, and nothing that is sent to
it, stands in an error.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import msgspec
from authlib.oauth2 import OAuth2Client

from streams import __version__
from streams.destinations import ClientCredentials
from streams.endpoints.classification import reason_of
from streams.endpoints.egress import Egress, exact_url
from streams.endpoints.reasons import AttemptReason
from streams.endpoints.retry_after import retry_after_seconds
from streams.endpoints.tokens import Token, TokenError

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0
MAX_REPLY_BYTES = 64 * 1024
UNSAID_LIFETIME_SECONDS = 300.0
"""How long a token is taken to live when the server does not say."""
LONGEST_RETRY_AFTER_SECONDS = 3600.0

_TOKEN = re.compile(r"[!-~]+")
_TRANSIENT_STATUSES = frozenset({408, 425, 429})
_TRANSIENT_ERRORS = frozenset({"temporarily_unavailable", "server_error"})
_TLS_REASONS = frozenset({AttemptReason.TLS_UNTRUSTED, AttemptReason.TLS_FAILED})


class _Reply(msgspec.Struct):
    access_token: str
    token_type: str | None = None
    expires_in: float | str | None = None


class _ErrorReply(msgspec.Struct):
    error: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a token server answered, whatever it means; the body is read as far as a reply may be long, and one byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


_decode_reply = msgspec.json.Decoder(_Reply).decode
_decode_error = msgspec.json.Decoder(_ErrorReply).decode


class TokenServer:
    """Asks the token server of *credentials* for tokens; *now* is the wall clock, for dates in ``Retry-After``.

    *told* hears how each request went: ``fetched``, ``refused`` or ``failed``. Raises ValueError for a token URL that
    cannot be requested.
    """

    def __init__(
        self,
        credentials: ClientCredentials,
        egress: Egress,
        *,
        now: Callable[[], float],
        told: Callable[[str], None] = lambda _: None,
    ) -> None:
        exact_url(credentials.token_url)
        self._credentials, self._egress, self._now, self._told = credentials, egress, now, told

    async def fetch(self) -> Token:
        """Return a new token; raises `TokenError`, which says neither what was sent nor what was answered."""
        try:
            token = self.token_in(await self.ask())
        except TokenError as error:
            self._told("refused" if error.reason is AttemptReason.TOKEN_REFUSED else "failed")
            raise
        except Exception as error:
            self._told("failed")
            raise TokenError(token_reason(error)) from None
        self._told("fetched")
        return token

    async def ask(self) -> Answer:
        """Ask once, and return the answer as it is; raises what keeps it from coming, see ``token_reason``."""
        async with asyncio.timeout(TIMEOUT_SECONDS), self._egress.session(limit=1) as session:
            client = _Client(session, self._credentials)
            answer: Answer = await client.fetch_token(
                self._credentials.token_url, grant_type="client_credentials", headers=_headers()
            )
        return answer

    def token_in(self, answer: Answer) -> Token:
        """Return the token that *answer* brings; raises `TokenError`."""
        if 200 <= answer.status <= 299:
            return token_of(answer.body)
        raise refusal_of(answer.status, answer.headers, answer.body, now=self._now())


class _Client(OAuth2Client):  # type: ignore[misc]  # authlib has no types
    """authlib's client, which prepares the request, over a session of ours."""

    def __init__(self, session: aiohttp.ClientSession, credentials: ClientCredentials) -> None:
        super().__init__(
            session,
            client_id=credentials.client_id,
            client_secret=credentials.client_secret.reveal(),
            scope=credentials.scope,
            token_endpoint_auth_method="basic" if credentials.style == "basic" else "client_secret_post",
        )
        self.register_client_auth_method(("basic", _basic))

    async def _fetch_token(self, url: str, *, body: str, headers: dict[str, str], auth: Any, method: str) -> Answer:
        url, headers, body = auth.prepare(method, url, headers, body)
        async with self.session.post(
            exact_url(url), data=body.encode(), headers=headers, allow_redirects=False
        ) as reply:
            return Answer(reply.status, reply.headers, await _read(reply))


def _headers() -> dict[str, str]:
    """Return the headers of a request; always new ones, since authlib writes the credentials into them."""
    return {
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": f"streams/{__version__}",
    }


def _basic(client: Any, method: str, url: str, headers: dict[str, str], body: str) -> tuple[str, dict[str, str], str]:
    """Write Basic credentials as RFC 6749 section 2.3.1 asks: form-encoded first, unlike authlib's own way."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return url, headers, body


async def _read(reply: aiohttp.ClientResponse) -> bytes:
    body = b""
    while len(body) <= MAX_REPLY_BYTES and not reply.content.at_eof():
        body += await reply.content.read(MAX_REPLY_BYTES + 1 - len(body))
    return body


def token_of(body: bytes) -> Token:
    """Read a successful reply (RFC 6749 section 5.1), strictly; raises `TokenError`."""
    if len(body) > MAX_REPLY_BYTES:
        raise TokenError(AttemptReason.TOKEN_INVALID)
    try:
        reply = _decode_reply(body)
        lifetime = UNSAID_LIFETIME_SECONDS if reply.expires_in is None else float(reply.expires_in)
    except (ValueError, RecursionError):
        raise TokenError(AttemptReason.TOKEN_INVALID) from None
    usable = _TOKEN.fullmatch(reply.access_token) and (reply.token_type or "bearer").lower() == "bearer"
    if not usable or not math.isfinite(lifetime) or lifetime <= 0:
        raise TokenError(AttemptReason.TOKEN_INVALID)
    return Token(reply.access_token, lifetime)


def refusal_of(status: int, headers: Mapping[str, str], body: bytes, *, now: float) -> TokenError:
    """Say what an unsuccessful reply (RFC 6749 section 5.2) means: the server's trouble, or a refusal of the client."""
    try:
        error = _decode_error(body[:MAX_REPLY_BYTES]).error
    except (ValueError, RecursionError):
        error = ""
    if status >= 500 or status in _TRANSIENT_STATUSES or error in _TRANSIENT_ERRORS:
        asked = retry_after_seconds(headers.get("Retry-After"), now=now, cap=LONGEST_RETRY_AFTER_SECONDS)
        return TokenError(AttemptReason.TOKEN_UNAVAILABLE, retry_after=asked)
    return TokenError(AttemptReason.TOKEN_REFUSED)


def token_reason(error: Exception) -> AttemptReason:
    """Return why a token server gave no answer."""
    reason = reason_of(error)
    if reason is AttemptReason.UNEXPECTED:
        log.error("a token request failed as none should: %s", type(error).__name__)
    if reason is AttemptReason.TIMED_OUT:  # a token request has no other time-out
        return AttemptReason.TOKEN_TIMED_OUT
    if reason in _TLS_REASONS:
        return AttemptReason.TOKEN_TLS_FAILED
    return reason if reason is AttemptReason.EGRESS_REFUSED else AttemptReason.TOKEN_UNAVAILABLE
