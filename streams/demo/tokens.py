"""A mock token server: issues OAuth2 access tokens on loopback, refuses them when told to, and counts."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote_plus

from aiohttp import web


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token request as it arrived; *target* is byte for byte as in the request line."""

    target: str
    authorization: str | None
    form: Mapping[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReply:
    """A reply to be given in place of a token; with *hang* it is held back until ``release()``."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False


class MockTokenServer:
    """Issues tokens to one client, by credentials in the form body or in Basic authorization, not in both.

    *client* is its id and secret; *expires_in* is what the server says of a token's life, in seconds.
    """

    def __init__(self, client: tuple[str, str] = ("demo", "demo"), *, expires_in: float | None = 3600) -> None:
        self._client = client
        self.expires_in = expires_in
        self.requests: list[TokenRequest] = []
        self.issued: list[str] = []
        self.url = ""
        """The URL of the token endpoint; known once started."""
        self._live: set[str] = set()
        self._script: deque[TokenReply] = deque()
        self._released = asyncio.Event()
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0, *, host: str = "127.0.0.1") -> str:
        """Listen, on a free port if *port* is 0, and return the URL of the token endpoint."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}/oauth2/token"
        return self.url

    async def close(self) -> None:
        """Close every connection and stop listening."""
        self.release()
        if self._runner is not None:
            await self._runner.cleanup()

    def script(self, *replies: TokenReply) -> None:
        """Add replies to be given next, one a request, whatever the credentials."""
        self._script.extend(replies)

    def release(self) -> None:
        """Let every reply that hangs be given, and those to come."""
        self._released.set()

    def revoke(self) -> None:
        """Take back all tokens that were issued."""
        self._live.clear()

    def accepts(self, authorization: str | None) -> bool:
        """Whether an ``Authorization`` header carries a token that was issued and not taken back."""
        scheme, _, token = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and token in self._live

    async def asked(self, count: int) -> list[TokenRequest]:
        """Wait until *count* token requests have arrived and return all."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= count)
        return self.requests

    async def _take(self, request: web.Request) -> web.StreamResponse:
        form = parse_qs((await request.read()).decode(), keep_blank_values=True)
        asked = TokenRequest(request.raw_path, request.headers.get("Authorization"), form)
        self.requests.append(asked)
        async with self._changed:
            self._changed.notify_all()
        if self._script:
            return await self._scripted(self._script.popleft())
        if request.method != "POST" or form.get("grant_type") != ["client_credentials"]:
            return web.json_response({"error": "unsupported_grant_type"}, status=400)
        if _credentials(asked) != self._client:
            return web.json_response({"error": "invalid_client"}, status=401)
        return self._issue()

    async def _scripted(self, reply: TokenReply) -> web.StreamResponse:
        if reply.hang:
            await self._released.wait()
        if reply.status == 200 and not reply.body:
            return self._issue()
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)

    def _issue(self) -> web.StreamResponse:
        token = f"token-{len(self.issued) + 1}"
        self.issued.append(token)
        self._live.add(token)
        said = {} if self.expires_in is None else {"expires_in": self.expires_in}
        return web.json_response({"access_token": token, "token_type": "Bearer", **said})


def _credentials(asked: TokenRequest) -> tuple[str, str] | None:
    """Return the client's id and secret, sent by exactly one of the two ways of RFC 6749 section 2.3.1."""
    in_body = [asked.form[name] for name in ("client_id", "client_secret") if name in asked.form]
    if asked.authorization is None:
        return (in_body[0][0], in_body[1][0]) if len(in_body) == 2 else None
    scheme, _, encoded = asked.authorization.partition(" ")
    if in_body or scheme.lower() != "basic":
        return None
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return unquote_plus(name), unquote_plus(secret)
