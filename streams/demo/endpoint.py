"""A mock endpoint: an HTTP server on loopback that remembers what it received and answers as it is told to."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it arrived; *url* is its target byte for byte as in the request line, *headers* in their order."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header of that *name*, whatever its case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How to answer a request.

    *delay_seconds* pass first; with *hang* it waits for ``release()`` as well; with *close* the connection is closed
    without an answer.
    """

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_seconds: float = 0.0
    hang: bool = False
    close: bool = False


class MockEndpoint:
    """Takes any request; what is scripted is answered first, one answer a request, then *decide* says, else a 204.

    *decide* is asked with each request that no scripted answer is left for. *observe* is told of each request as it
    arrives, before it is answered.
    """

    def __init__(
        self,
        *,
        decide: Callable[[Received], Answer | None] = lambda _: None,
        observe: Callable[[Received], None] = lambda _: None,
    ) -> None:
        self.decide, self.observe = decide, observe
        self.requests: list[Received] = []
        self.answered: list[tuple[Received, int]] = []
        """The requests that an answer was sent to, in that order, with its status."""
        self.in_flight = 0
        self.most_in_flight = 0
        self.url = ""
        """The root of the server, such as ``http://127.0.0.1:8099``; known once started."""
        self._script: deque[Answer] = deque()
        self._released = asyncio.Event()
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self, port: int = 0, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> str:
        """Listen, on a free port if *port* is 0, and return the root URL."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=tls)
        await site.start()
        self.url = f"{'http' if tls is None else 'https'}://{host}:{self._runner.addresses[0][1]}"
        return self.url

    async def close(self) -> None:
        """Close every connection and stop listening."""
        self.release()
        if self._runner is not None:
            await self._runner.cleanup()

    def script(self, *answers: Answer | int) -> None:
        """Add answers to be given next, one a request; a number is a status."""
        self._script.extend(Answer(status=answer) if isinstance(answer, int) else answer for answer in answers)

    def hold(self) -> None:
        """Let hanging requests hang again, after a ``release()``."""
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let every hanging request be answered, and those to come."""
        self._released.set()

    async def arrived(self, count: int) -> list[Received]:
        """Wait until *count* requests have arrived and return all."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= count)
        return self.requests

    async def served(self, count: int) -> list[tuple[Received, int]]:
        """Wait until *count* requests are answered and return all, in the order of their answers."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.answered) >= count)
        return self.answered

    async def _take(self, request: web.Request) -> web.StreamResponse:
        received = Received(request.method, request.raw_path, tuple(request.headers.items()), await request.read())
        answer = self._script.popleft() if self._script else self.decide(received) or Answer()
        self.requests.append(received)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self.observe(received)
        await self._tell()
        try:
            await self._wait(answer)
        finally:
            self.in_flight -= 1
        return await self._answer(request, received, answer)

    async def _wait(self, answer: Answer) -> None:
        if answer.delay_seconds:
            await asyncio.sleep(answer.delay_seconds)
        if answer.hang:
            await self._released.wait()

    async def _answer(self, request: web.Request, received: Received, answer: Answer) -> web.StreamResponse:
        response = web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        if answer.close:
            if request.transport is not None:
                request.transport.abort()
            return response
        self.answered.append((received, answer.status))
        await self._tell()
        return response

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
