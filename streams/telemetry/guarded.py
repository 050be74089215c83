"""What is known of profiles, over HTTP: asked for by POST with a token, bounded in size and time, and never logged.

The question is a JSON object in the body, since what stands in an address is written down by every proxy. An error says
``{"code": ..., "why": ...}`` and shows nothing of a profile.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import structlog
from aiohttp import hdrs, web

from streams.codes import Denial
from streams.crashes import told
from streams.denied import DeniedError
from streams.secrets import Secret

MAX_BYTES = 64 * 1024
"""What a question may hold: a profile id, above all."""
ANSWER_SECONDS = 10.0

Answer = Callable[[bytes], Awaitable[bytes]]
"""Answers the body of a request, JSON both; raises DeniedError."""

STATUSES = {
    Denial.NO_TOKEN: 403,
    Denial.WRONG_TOKEN: 401,
    Denial.WRONG_REQUEST: 400,
    Denial.NO_OWNER: 409,
    Denial.PROFILE_UNKNOWN: 404,
    Denial.DESTINATION_UNKNOWN: 404,
}
"""Of an answer; 503 for what is not here."""


class Guarded:
    """Serves *answers*, by path, to whoever shows the *token*; without one nobody can."""

    def __init__(self, token: Secret | None, answers: Mapping[str, Answer], seconds: float = ANSWER_SECONDS) -> None:
        self._token, self._answers, self._seconds = token, answers, seconds

    def add_to(self, application: web.Application) -> None:
        """Serve from *application*."""
        for path, answer in self._answers.items():
            application.router.add_post(path, self._handler(path, answer))

    def _handler(self, path: str, answer: Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            try:
                self._check(request)
                async with asyncio.timeout(self._seconds):
                    return _response(200, await answer(await _body(request)))
            except DeniedError as denied:
                return _denied(denied)
            except TimeoutError:
                return _denied(DeniedError(Denial.NOT_ANSWERED, f"it took longer than {self._seconds:g} s"))
            except Exception as error:
                structlog.get_logger().error("http.failed", path=path, **told(error))
                return _denied(DeniedError(Denial.NOT_ANSWERED, "the worker failed to answer; its log says where"))

        return handle

    def _check(self, request: web.Request) -> None:
        if self._token is None:
            raise DeniedError(Denial.NO_TOKEN, "the worker has no http.token")
        shown = request.headers.get(hdrs.AUTHORIZATION, "").encode(errors="surrogateescape")
        if not hmac.compare_digest(shown, f"Bearer {self._token.reveal()}".encode()):
            raise DeniedError(Denial.WRONG_TOKEN, "the token that was shown is not the worker's")


async def _body(request: web.Request) -> bytes:
    if (request.content_length or 0) > MAX_BYTES:
        raise DeniedError(Denial.WRONG_REQUEST, f"it holds more than {MAX_BYTES} bytes")
    body = b""
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_BYTES:
            raise DeniedError(Denial.WRONG_REQUEST, f"it holds more than {MAX_BYTES} bytes")
    return body


def _denied(denied: DeniedError) -> web.Response:
    body = msgspec.json.encode({"code": denied.code, "why": denied.why})
    return _response(STATUSES.get(denied.code, 503), body)


def _response(status: int, body: bytes) -> web.Response:
    headers = {hdrs.CACHE_CONTROL: "no-store"} | ({hdrs.WWW_AUTHENTICATE: "Bearer"} if status == 401 else {})
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)
