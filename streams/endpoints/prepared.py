"""Requests whose head is prepared once, written in one piece on a connection of aiohttp's own connector.

``ClientSession.post`` makes of every request objects for its URL, its headers, its cookies, its body and a task that
writes it: that was nine tenths of what an export cost. Here all of that is done once, by aiohttp's own
``ClientRequest``; what remains is aiohttp's too: name resolution, egress guard, TLS, pool and keep-alive, and the
parser of answers. It ends in the same answers and the same classes of exceptions, see tests/endpoints/test_conformance.

That stands on parts of aiohttp which its documentation does not promise: see `versions`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import cached_property

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict
from yarl import URL

from streams.endpoints.answers import Answer, drain
from streams.endpoints.attempt import Attempt
from streams.endpoints.egress import READ_BUFFER_BYTES, Egress
from streams.endpoints.wires import Wire
from streams.exports import Posted

_OF_EACH_REQUEST = ("Content-Length", "Idempotency-Key")
_INJECTION = "expected no control character in a header: it could end it and begin another one"
_ENDS_A_LINE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class _Request(aiohttp.ClientRequest):
    """A request that stands for all to its URL: where it goes is found out once."""

    @cached_property
    def connection_key(self) -> ConnectionKey:
        """What tells its connections from others."""
        return super().connection_key


class PreparedRequests:
    """A head and a connector for one URL; make it in the running loop.

    Raises ValueError where a header could end before its value does.
    """

    def __init__(
        self,
        url: URL,
        headers: Sequence[tuple[str, str]],
        egress: Egress,
        *,
        limit: int,
        left: Callable[[], float] | None,
        connect_seconds: float | None = None,
        read_seconds: float | None = None,
    ) -> None:
        self._connector = egress.connector(limit=limit, left=left)
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect_seconds, sock_read=read_seconds)
        self._request = _Request("POST", url, headers=CIMultiDict(headers), loop=asyncio.get_running_loop())
        self._prepare(None)

    async def close(self) -> None:
        """Close all connections."""
        await self._connector.close()

    async def post(self, posted: Posted, token: str | None, attempt: Attempt) -> None:
        """Send *posted* once; see `Requests`."""
        request = self._whole(posted, token)
        connection = await self._connected(attempt)
        wire = connection.protocol
        assert isinstance(wire, Wire), "our connector makes no others"
        attempt.wire = wire
        try:
            wire.set_response_params(
                auto_decompress=False,
                read_until_eof=True,
                read_bufsize=READ_BUFFER_BYTES,
                read_timeout=self._timeout.sock_read,
            )
            wire.send(request)
            message, content = await self._answered(wire)
        except BaseException:
            wire.reset()
            connection.close()
            raise
        attempt.answer = Answer(message.code, message.headers)
        try:
            if not content.is_eof():
                await drain(content)
        finally:
            if wire.is_writing:
                wire.reset()  # answered before it was whole, it must not become so
            connection.release()  # closes the connection when something is left to be read

    async def _connected(self, attempt: Attempt) -> Connection:
        connect = self._connector.connect if attempt.wire is None else self._connector.unused
        attempt.wire = None
        try:
            connection: Connection = await connect(self._request, [], self._timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError("no connection in time") from error
        return connection

    async def _answered(self, wire: Wire) -> tuple[RawResponseMessage, aiohttp.StreamReader]:
        """Return the head of the answer and the way to the rest of it."""
        try:
            answer = await wire.read()
            while 100 <= answer[0].code <= 199 and answer[0].code != 101:  # it says that an answer will come
                answer = await wire.read()
        except HttpProcessingError as error:
            raise aiohttp.ClientResponseError(
                self._request.request_info, (), status=error.code, message=error.message, headers=error.headers
            ) from error
        return answer

    def _whole(self, posted: Posted, token: str | None) -> bytes:
        """Return a request as it is written: what differs from the one before stands behind the prepared head."""
        if token is not self._token:
            self._prepare(token)
        id_, trace, length = _safe(posted.id), posted.traceparent, b"\r\nContent-Length: %d\r\n\r\n" % len(posted.body)
        if trace is None:
            return b"".join((self._head, id_, length, posted.body))
        return b"".join((self._traced, id_, b"\r\ntraceparent: ", _safe(trace), length, posted.body))

    def _prepare(self, token: str | None) -> None:
        """Make the heads of requests with *token*, up to the id; one for those that bring a trace of their own."""
        headers = self._request.headers.copy()
        for name in _OF_EACH_REQUEST:
            headers.popall(name, None)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self._head = self._lines(headers)
        headers.popall("traceparent", None)
        self._traced = self._lines(headers)
        self._token = token

    def _lines(self, headers: CIMultiDict[str]) -> bytes:
        lines = [f"POST {self._request.url.raw_path_qs} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if any(map(_ENDS_A_LINE.search, lines)):
            raise ValueError(_INJECTION)
        return "\r\n".join([*lines, "Idempotency-Key: "]).encode()


def _safe(value: str) -> bytes:
    """Return *value* as it stands in a header; raises ValueError if it could end it."""
    if not value.isprintable():
        raise ValueError(_INJECTION)
    return value.encode("ascii")
