"""What an endpoint can do to a request, as scenarios that any way of sending requests can be run against.

Header lines are compared sorted: the ways set them in another order, which says nothing where the names differ.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import trustme

from streams.destinations import Header
from streams.endpoints.answers import MAX_ANSWER_BYTES
from streams.endpoints.attempt import Attempt
from streams.endpoints.egress import Egress, exact_url
from streams.endpoints.endpoint import Requests, prepared_headers
from streams.exports import Export
from streams.secrets import Secret
from tests.exchanges import LOOPBACK, NO_CONTENT, FakeResolver, a_request, an_export, reset

Kind = Callable[..., Requests]
"""`PlainRequests` or `PreparedRequests`."""

LIMIT_SECONDS = 60.0
SHORT_SECONDS = 0.25
HEAD_END = b"\r\n\r\n"
BIG = b"x" * 12_000_000
"""More than the buffers between take."""


class Reader(Protocol):
    """What an endpoint reads from."""

    async def request(self) -> bytes:
        """Read a whole request, which is noted."""

    async def read(self, count: int = -1) -> bytes:
        """Read what comes next."""

    async def readuntil(self, separator: bytes = ...) -> bytes:
        """Read until something comes."""


Talk = Callable[[Any, asyncio.StreamWriter], Any]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """How an endpoint behaves on each connection, and what is posted to it, one after the other."""

    talk: Talk
    posted: Sequence[Export] = (an_export(1), an_export(2))
    tokens: Sequence[str] = ()
    headers: Sequence[Header] = ()
    target: str = "/v1/profiles?source=streams"
    host: str = "127.0.0.1"
    scheme: str = "http"
    resolves_to: str | None = "127.0.0.1"
    allowed: bool = True
    serving: Callable[[], ssl.SSLContext] | None = None
    trusting: Callable[[], ssl.SSLContext] | None = None
    seconds: float = LIMIT_SECONDS
    connect_seconds: float | None = None
    read_seconds: float | None = None
    left: Callable[[], float] | None = None
    compares_connections: bool = True
    compares_requests: bool = True
    """Not where time decides whether they have come: nothing here depends on how fast the machine is."""


@dataclass
class Seen:
    """What a scenario came to: all of it is to be the same whatever way the requests are sent."""

    ends: list[Any] = field(default_factory=list)
    requests: list[tuple[int, bytes, list[bytes], bytes]] = field(default_factory=list)
    """The number of the connection that it came on, its first line, its header lines sorted, its body."""
    connections: int = 0


async def seen(scenario: Scenario, kind: Kind) -> Seen:
    """Run a scenario one way."""
    result = Seen()
    async with _an_endpoint(scenario, result) as port:
        url = exact_url(f"{scenario.scheme}://{scenario.host}:{port}{scenario.target}")
        headers = prepared_headers(scenario.headers, "application/json")
        requests = kind(
            url,
            headers,
            _egress(scenario),
            limit=4,
            left=scenario.left,
            connect_seconds=scenario.connect_seconds,
            read_seconds=scenario.read_seconds,
        )
        try:
            for number, posted in enumerate(scenario.posted):
                token = scenario.tokens[number] if scenario.tokens else None
                result.ends.append(await _end(requests, posted, token, scenario.seconds))
        finally:
            await requests.close()
    if not scenario.compares_requests:
        result.connections, result.requests = 0, []
    elif not scenario.compares_connections:
        result.connections = 0
        result.requests = [(0, line, headers, body) for _, line, headers, body in result.requests]
    return result


def _egress(scenario: Scenario) -> Egress:
    resolver = FakeResolver(*[scenario.resolves_to] * len(scenario.posted))
    trust = scenario.trusting() if scenario.trusting else None
    return Egress(LOOPBACK if scenario.allowed else (), trust=trust, resolver=resolver)


async def _end(requests: Requests, posted: Export, token: str | None, seconds: float) -> list[Any]:
    """Return what was raised, what was answered, and whether the request was lost to a connection closed meanwhile."""
    attempt = Attempt()
    end: list[Any] = []
    try:
        async with asyncio.timeout(seconds):
            await requests.post(posted, token, attempt)
    except Exception as error:
        end += [type(error), getattr(error, "status", None), type(getattr(error, "os_error", None))]
    if (answer := attempt.answer) is not None:
        return [*end, answer.status, sorted(answer.headers.items())]
    return [*end, attempt.wire is not None and attempt.wire.lost_while_idle]


@asynccontextmanager
async def _an_endpoint(scenario: Scenario, result: Seen) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        result.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await scenario.talk(_Noting(reader, result, result.connections), writer)
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=scenario.serving and scenario.serving())
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for task in tuple(tasks):
            task.cancel()
        server.close()
        await server.wait_closed()


class _Noting:
    """Reads from a connection and notes its requests."""

    def __init__(self, reader: asyncio.StreamReader, result: Seen, number: int) -> None:
        self._reader, self._result, self._number = reader, result, number
        self.read, self.readuntil = reader.read, reader.readuntil

    async def request(self) -> bytes:
        whole = await a_request(self._reader)
        head, _, body = whole.partition(HEAD_END)
        line, *headers = head.split(b"\r\n")
        # The port is another one in each run.
        headers = [header for header in headers if not header.startswith(b"Host: ")]
        self._result.requests.append((self._number, line, sorted(headers), body))
        return whole


def always(*pieces: bytes) -> Talk:
    """Answer every request so; several pieces arrive apart."""

    async def talk(reader: Reader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.request()
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if len(pieces) > 1:
                    await asyncio.sleep(0.01)

    return talk


def ending(answer: bytes) -> Talk:
    """Answer a request so and end its connection."""

    async def talk(reader: Reader, writer: asyncio.StreamWriter) -> None:
        await reader.request()
        writer.write(answer)
        await writer.drain()

    return talk


def losing(*answers: bytes, last: bytes = b"", end: Callable[[asyncio.StreamWriter], None] = reset) -> Talk:
    """Answer so, then end the connection under the request that follows, behind the *last* bytes."""

    async def talk(reader: Reader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.request()
            writer.write(answer)
            await writer.drain()
        await reader.request()
        writer.write(last)
        await writer.drain()
        end(writer)

    return talk


def silent(*pieces: bytes, every: float = 0.0) -> Talk:
    """Answer a request with these pieces and never come to an end."""

    async def talk(reader: Reader, writer: asyncio.StreamWriter) -> None:
        await reader.request()
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(every)
        await reader.read()

    return talk


def early(answer: bytes) -> Talk:
    """Answer when the head of a request is there, and read no more of it."""

    async def talk(reader: Reader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(HEAD_END)
        writer.write(answer)
        await asyncio.Event().wait()

    return talk


def first(greeting: bytes) -> Talk:
    """Speak before a request has come."""

    async def talk(reader: Reader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read()

    return talk


def _answer(status: int, *headers: str, body: bytes = b"", version: str = "1.1") -> bytes:
    return "\r\n".join([f"HTTP/{version} {status} Reason", *headers]).encode("latin-1") + HEAD_END + body


def _sized(status: int, size: int, *headers: str) -> bytes:
    return _answer(status, f"Content-Length: {size}", *headers, body=b"x" * size)


def _chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return _answer(200, "Transfer-Encoding: chunked", body=body + end)


@cache
def _authority() -> trustme.CA:
    return trustme.CA()


def _serving(host: str) -> Callable[[], ssl.SSLContext]:
    def context() -> ssl.SSLContext:
        made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        _authority().issue_cert(host).configure_cert(made)
        return made

    return context


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    _authority().configure_trust(context)
    return context


def _traced(trace: str) -> Export:
    plain = an_export()
    fields = (plain.topic, plain.partition, plain.offset, plain.timestamp, plain.key, plain.body, plain.id, plain.meta)
    return Export(*fields, trace)


_STATUSES = (
    *(200, 201, 202, 203, 204, 205, 206, 207, 226, 299),
    *(300, 301, 302, 303, 304, 305, 307, 308, 399),
    *(400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 417, 418, 421, 422, 423, 424),
    *(425, 426, 428, 429, 431, 451, 499),
    *(500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511, 520, 599, 600),
)

_ANSWERS = {
    **{f"status-{status}": _sized(status, 0) for status in _STATUSES},
    "no-content": NO_CONTENT,
    "no-content-with-a-length": _answer(204, "Content-Length: 5", body=b"later"),
    "not-modified-with-a-length": _answer(304, "Content-Length: 5"),
    "chunks": _chunked(b"abc", b"d" * 70),
    "chunks-and-a-trailer": _chunked(b"abc", end=b"0\r\nX-Sum: 1\r\n\r\n"),
    "no-chunks": _chunked(),
    "chunks-and-a-length": _answer(200, "Transfer-Encoding: chunked", "Content-Length: 3", body=b"0\r\n\r\n"),
    "two-lengths": _answer(200, "Content-Length: 3", "Content-Length: 4", body=b"abcd"),
    "a-length-twice": _answer(200, "Content-Length: 3", "Content-Length: 3", body=b"abc"),
    "close": _sized(200, 3, "Connection: close"),
    "keep-alive": _sized(200, 3, "Connection: keep-alive", "Keep-Alive: timeout=1"),
    "http-1.0": _answer(200, "Content-Length: 3", body=b"abc", version="1.0"),
    "http-1.0-kept": _answer(200, "Content-Length: 3", "Connection: keep-alive", body=b"abc", version="1.0"),
    "http-2.0": _answer(200, "Content-Length: 3", body=b"abc", version="2.0"),
    "no-reason": b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
    "long-reason": b"HTTP/1.1 200 " + b"r" * 9_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "low-status": b"HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
    "high-status": b"HTTP/1.1 1000 High\r\nContent-Length: 0\r\n\r\n",
    "continue": _answer(100) + NO_CONTENT,
    "continue-and-hints": _answer(100) + _answer(102) + _answer(103, "Link: </a>") + NO_CONTENT,
    "switching": _answer(101, "Upgrade: websocket", "Connection: upgrade"),
    "retry-after": _sized(503, 2, "Retry-After: 120"),
    "cookie": _sized(200, 0, "Set-Cookie: a=b; Path=/"),
    "no-gzip": _sized(200, 4, "Content-Encoding: gzip"),
    "bare-line-ends": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "folded-header": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "non-ascii-header": b"HTTP/1.1 200 OK\r\nX-A: \xc3\xa9\xff\r\nContent-Length: 0\r\n\r\n",
    "control-in-header": b"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n",
    "nameless-header": b"HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 0\r\n\r\n",
    "100-kB-header": _sized(200, 0, "X-Long: " + "x" * 100_000),
    "200-headers": _sized(200, 0, *(f"X-{number}: 1" for number in range(200))),
    "garbage": b"garbage" + HEAD_END,
    "another-protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "no-status": b"HTTP/1.1 banana" + HEAD_END,
    "negative-length": _answer(200, "Content-Length: -1"),
    "length-in-words": _answer(200, "Content-Length: five"),
    "no-chunk": _chunked(end=b"banana\r\n"),
    "two-at-once": NO_CONTENT + NO_CONTENT,
    "junk-behind": NO_CONTENT + b"junk",
    "junk-behind-a-body": _sized(200, 3) + b"junk",
    **{f"body-of-{size}": _sized(200, size) for size in (1, 1_000, MAX_ANSWER_BYTES, 10_000_000)},
}
_CUT = {
    "at-once": b"",
    "within-the-status-line": b"HTTP/1.1 20",
    "within-the-head": b"HTTP/1.1 200 OK\r\nContent-",
    "within-the-body": _answer(200, "Content-Length: 100", body=b"short"),
    "within-a-chunk": _chunked(end=b"5\r\nhal"),
    "within-the-body-of-503": _answer(503, "Content-Length: 100", body=b"short"),
    "behind-the-body": _answer(200, body=b"until the end"),
    "behind-the-body-of-http-1.0": _answer(200, body=b"until the end", version="1.0"),
    "after-continue": _answer(100),
}
_PIECES = {
    "head-and-body": (_answer(200, "Content-Length: 3"), b"a", b"bc"),
    "within-the-head": (b"HTTP/1.1 2", b"00 OK\r\nContent-Le", b"ngth: 0\r\n\r", b"\n"),
    "chunks": (_answer(200, "Transfer-Encoding: chunked"), b"3\r\nab", b"c\r\n0\r\n", b"\r\n"),
    "continue": (_answer(100), NO_CONTENT),
}
_TARGETS = (
    "",
    "?a=1&b=2",
    "/a%2Fb%2fc/%7Euser/../d//e;v=1?q=%20+%2B&empty=&flag&&=x&%C3%A9=%c3%a9",
    "/a'(b)*!$@:,/%25?redirect=https://x.example/y?z=1#fragment",
)
_HEADERS = {
    "custom": (Header("x-tenant", "north"), Header("X-Key", Secret("s3cret")), Header("x-tenant", "south")),
    "instead-of-ours": (Header("content-type", "application/vnd.x+json"), Header("USER-AGENT", "crm/1")),
    "instead-of-aiohttps": (Header("accept", "application/json"), Header("accept-encoding", "gzip")),
    "that-we-set": (Header("idempotency-key", "mine"), Header("TraceParent", "mine"), Header("authorization", "mine")),
    "empty": (Header("x-empty", ""), Header("x-tab", "a\tb")),
    "non-ascii": (Header("x-name", "é"),),
}

SCENARIOS: dict[str, Scenario] = {
    **{f"answer-{name}": Scenario(talk=always(answer)) for name, answer in _ANSWERS.items()},
    **{f"cut-{name}": Scenario(talk=ending(answer)) for name, answer in _CUT.items()},
    **{f"pieces-{name}": Scenario(talk=always(*pieces)) for name, pieces in _PIECES.items()},
    **{f"target-{number}": Scenario(talk=always(NO_CONTENT), target=target) for number, target in enumerate(_TARGETS)},
    **{f"headers-{name}": Scenario(talk=always(NO_CONTENT), headers=headers) for name, headers in _HEADERS.items()},
    # More than is read of an answer: whether it was all there already, by chance, decides on the connection.
    **{
        f"answer-body-of-{size}": Scenario(talk=always(_sized(200, size)), compares_connections=False)
        for size in (MAX_ANSWER_BYTES + 1, 3 * MAX_ANSWER_BYTES, 200_000)
    },
    "reset-before-the-answer": Scenario(talk=losing()),
    "reset-within-the-answer": Scenario(talk=losing(last=b"HTTP/1.1 2"), compares_connections=False),
    "reset-on-a-kept-connection": Scenario(talk=losing(NO_CONTENT), posted=[an_export(n) for n in range(3)]),
    "end-on-a-kept-connection": Scenario(talk=losing(NO_CONTENT, end=lambda writer: writer.close())),
    "end-within-an-answer-on-a-kept-connection": Scenario(
        talk=losing(NO_CONTENT, last=b"HTTP/1.1 5", end=lambda writer: writer.close())
    ),
    "no-answer": Scenario(talk=silent(), seconds=SHORT_SECONDS, compares_requests=False),
    "a-status-line-that-never-ends": Scenario(
        talk=silent(b"HTTP/1.1 2"), seconds=SHORT_SECONDS, compares_requests=False
    ),
    "a-body-that-never-ends": Scenario(talk=silent(_answer(200, "Content-Length: 9", body=b"x")), posted=[an_export()]),
    "a-byte-now-and-then": Scenario(
        talk=silent(*[b"H"] * 9, every=0.02), seconds=SHORT_SECONDS, compares_requests=False
    ),
    "read-timeout": Scenario(talk=silent(), read_seconds=SHORT_SECONDS, compares_requests=False),
    "read-timeout-within-an-answer": Scenario(
        talk=silent(b"HTTP/1.1 2"), read_seconds=SHORT_SECONDS, compares_requests=False
    ),
    "connect-refused": Scenario(talk=silent(), host="partner.test", resolves_to="127.0.0.2"),
    "name-unresolved": Scenario(talk=silent(), host="partner.test", resolves_to=None),
    "connect-timeout": Scenario(
        talk=silent(), scheme="https", serving=None, connect_seconds=SHORT_SECONDS, compares_requests=False
    ),
    "resolved": Scenario(talk=always(NO_CONTENT), host="partner.test"),
    "not-allowed": Scenario(talk=silent(), allowed=False),
    "resolves-to-what-is-not-allowed": Scenario(talk=silent(), allowed=False, host="partner.test"),
    "leased": Scenario(talk=always(NO_CONTENT), left=lambda: 1.0),
    "lapsed": Scenario(talk=always(NO_CONTENT), left=lambda: 0.0, compares_connections=False),
    "body-empty": Scenario(talk=always(NO_CONTENT), posted=[an_export(1, b""), an_export(2)]),
    "body-of-any-bytes": Scenario(talk=always(NO_CONTENT), posted=[an_export(1, b"\x00\xff\r\n\r\n"), an_export(2)]),
    "body-large": Scenario(talk=always(NO_CONTENT), posted=[an_export(1, BIG), an_export(2)]),
    "body-large-leased": Scenario(talk=always(NO_CONTENT), posted=[an_export(1, BIG), an_export(2)], left=lambda: 1.0),
    "body-large-read-timeout": Scenario(
        talk=always(NO_CONTENT), posted=[an_export(1, BIG), an_export(2)], left=lambda: 1.0, read_seconds=LIMIT_SECONDS
    ),
    "body-large-unread": Scenario(
        talk=early(b""), posted=[an_export(1, BIG)], seconds=SHORT_SECONDS, compares_requests=False
    ),
    "body-large-answered-early": Scenario(talk=early(_sized(413, 0)), posted=[an_export(1, BIG)] * 2),
    "body-large-answered-early-leased": Scenario(
        talk=early(_sized(413, 0)), posted=[an_export(1, BIG)] * 2, left=lambda: 1.0
    ),
    "tokens": Scenario(talk=always(NO_CONTENT), posted=[an_export(1)] * 3, tokens=("one", "one", "two")),
    "token-instead-of-a-header": Scenario(
        talk=always(NO_CONTENT), tokens=("one", "two"), headers=[Header("authorization", "mine")]
    ),
    "trace": Scenario(talk=always(NO_CONTENT), posted=[_traced("00-ab-cd-01"), an_export(2)]),
    "tls": Scenario(talk=always(_sized(200, 5)), scheme="https", serving=_serving("127.0.0.1"), trusting=_trusting),
    "tls-by-name": Scenario(
        talk=always(NO_CONTENT),
        scheme="https",
        host="partner.test",
        serving=_serving("partner.test"),
        trusting=_trusting,
    ),
    "tls-of-another-host": Scenario(
        talk=silent(), scheme="https", serving=_serving("other.test"), trusting=_trusting, compares_connections=False
    ),
    "tls-untrusted": Scenario(talk=silent(), scheme="https", serving=_serving("127.0.0.1"), compares_connections=False),
    "tls-to-a-plain-port": Scenario(talk=first(b"HTTP/1.1 400 Plain\r\n\r\n"), scheme="https"),
    "tls-body-large": Scenario(
        talk=always(NO_CONTENT),
        posted=[an_export(1, BIG), an_export(2)],
        scheme="https",
        serving=_serving("127.0.0.1"),
        trusting=_trusting,
        left=lambda: 1.0,
    ),
    "tls-read-timeout": Scenario(
        talk=silent(),
        scheme="https",
        serving=_serving("127.0.0.1"),
        trusting=_trusting,
        read_seconds=SHORT_SECONDS,
        left=lambda: 1.0,
        compares_requests=False,
    ),
    "tls-cut": Scenario(talk=ending(b"HTTP/1.1 20"), scheme="https", serving=_serving("127.0.0.1"), trusting=_trusting),
}
