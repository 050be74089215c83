"""What goes wrong on a real socket has one meaning each, whatever the client library calls it."""

from __future__ import annotations

import asyncio
import gzip
import socket
from typing import Any

import pytest

from streams.demo.tokens import TokenReply
from streams.endpoints.answers import DRAIN_SECONDS
from streams.endpoints.egress import Egress
from streams.outcomes import Delivered, DestinationFault, Outcome, Retryable
from tests.exchanges import (
    LOOPBACK,
    NO_CONTENT,
    FakeResolver,
    Talk,
    a_destination,
    a_request,
    an_export,
    answering,
    credentials_of,
    mock_endpoint,
    mock_tokens,
    raw_server,
    reaching,
    reset,
)


async def _post(talk: Talk, *, seconds: float = 60.0) -> Outcome:
    async with raw_server(talk) as server, reaching(a_destination(server.url, seconds=seconds)) as endpoint:
        outcome = await endpoint.post(an_export())
        assert endpoint.resent == 0, "a request on a new connection is not sent again at once"
    return outcome


async def _post_when_connected(talk: Talk, body: bytes = b"{}", **bounds: Any) -> Outcome:
    """Return what becomes of a request on a connection that has answered before, however slowly it came about."""

    async def whole(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await a_request(reader)
        writer.write(NO_CONTENT)
        await writer.drain()
        await talk(reader, writer)

    async with raw_server(whole) as server, reaching(a_destination(server.url, **bounds)) as endpoint:
        while await endpoint.post(an_export()) != Delivered(204):
            pass
        return await endpoint.post(an_export(body=body))


async def test_a_refused_connection_is_tried_again() -> None:
    async with raw_server(answering()) as server:
        url = server.url
    async with reaching(a_destination(url)) as endpoint:
        assert await endpoint.post(an_export()) == Retryable("connect-failed")


async def test_a_name_that_does_not_resolve_is_tried_again() -> None:
    egress = Egress(LOOPBACK, resolver=FakeResolver(None))
    async with reaching(a_destination("http://partner.test/"), egress) as endpoint:
        assert await endpoint.post(an_export()) == Retryable("name-unresolved")


async def test_a_reset_before_the_answer_is_tried_again() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await a_request(reader)
        reset(writer)

    assert await _post(talk) == Retryable("disconnected")


async def test_an_end_before_the_answer_is_tried_again() -> None:
    assert await _post(answering(b"")) == Retryable("disconnected")


async def test_an_end_within_the_head_of_the_answer_is_tried_again() -> None:
    assert await _post(answering(b"HTTP/1.1 200 OK\r\nContent-")) == Retryable("disconnected")


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
    ids=["no-http", "no-status", "no-length", "100-kB-header"],
)
async def test_an_answer_that_is_no_http_is_tried_again_and_is_not_the_servers_400(answer: bytes) -> None:
    assert await _post(answering(answer)) == Retryable("invalid-answer")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nbanana\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    ],
    ids=["short", "cut-chunk", "no-chunk", "no-gzip", "until-the-end"],
)
async def test_a_2xx_status_line_is_delivered_whatever_becomes_of_its_body(answer: bytes) -> None:
    assert isinstance(await _post(answering(answer)), Delivered)


async def test_a_2xx_status_line_is_delivered_even_when_its_body_never_ends() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await a_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")
        await reader.read()

    outcome: Outcome = Retryable("")
    for _ in range(20):  # a slow machine may not come as far as the status line
        if isinstance(outcome := await _post(talk, seconds=DRAIN_SECONDS * 0.9), Delivered):
            break
    assert outcome == Delivered(200)


async def test_a_401_whose_body_is_broken_renews_the_token_all_the_same() -> None:
    unauthorized = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 100\r\n\r\nshort"

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await a_request(reader)
        writer.write(NO_CONTENT if b"Bearer token-2" in request else unauthorized)
        await writer.drain()

    async with mock_tokens() as tokens, raw_server(talk) as server:
        destination = a_destination(server.url, credentials=credentials_of(tokens))
        async with reaching(destination) as endpoint:
            outcomes = [await endpoint.post(an_export(number)) for number in range(2)]

    assert outcomes == [Delivered(204)] * 2
    assert len(tokens.requests) == 2


async def test_a_token_server_that_does_not_answer_is_told_apart_from_the_endpoint() -> None:
    async with mock_tokens() as tokens, mock_endpoint() as mock:
        tokens.script(TokenReply(hang=True))
        destination = a_destination(mock.url, credentials=credentials_of(tokens), seconds=1.0)
        async with reaching(destination) as endpoint:
            assert await endpoint.post(an_export()) == Retryable("token-timed-out")
            tokens.release()
            assert await endpoint.post(an_export()) == Delivered(204)

    assert len(tokens.requests) == 1, "the fetch went on although its first waiter had given up"


async def test_a_token_that_cannot_be_had_is_an_outcome() -> None:
    async with mock_tokens() as tokens, mock_endpoint() as mock:
        refused = a_destination(mock.url, credentials=credentials_of(tokens, secret="wrong"))
        tokens.script(TokenReply(status=503, headers={"Retry-After": "9"}))
        async with reaching(a_destination(mock.url, credentials=credentials_of(tokens))) as endpoint:
            later = await endpoint.post(an_export())
        async with reaching(refused) as endpoint:
            never = await endpoint.post(an_export())

    assert isinstance(later, Retryable)
    assert later.reason == "token-unavailable"
    assert later.retry_after is not None
    assert 0.0 < later.retry_after <= 9.0
    assert never == DestinationFault("token-refused")
    assert mock.requests == []


async def test_a_connection_that_does_not_come_about_is_told_apart_from_an_answer_that_does_not_come() -> None:
    """A server that takes connections and says nothing to a client that begins TLS."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass

    async with raw_server(talk) as server:
        url = server.url.replace("http:", "https:")
        async with reaching(a_destination(url, seconds=0.2)) as endpoint:
            assert await endpoint.post(an_export()) == Retryable("connect-timed-out")
        async with reaching(a_destination(url, seconds=60.0, connect_timeout_seconds=0.1)) as endpoint:
            assert await endpoint.post(an_export()) == Retryable("connect-timed-out")


async def test_a_name_that_is_looked_up_for_ever_is_a_connection_that_does_not_come_about() -> None:
    class Hanging(FakeResolver):
        async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> Any:
            await asyncio.Event().wait()

    destination = a_destination("http://partner.test/", seconds=60.0, connect_timeout_seconds=0.1)
    async with reaching(destination, Egress(LOOPBACK, resolver=Hanging())) as endpoint:
        assert await endpoint.post(an_export()) == Retryable("connect-timed-out")


async def test_a_silent_endpoint_is_given_up_by_the_time_out_of_reading() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await a_request(reader)
        writer.write(b"HTTP/1.1 2")
        await reader.read()

    assert await _post_when_connected(talk, seconds=60.0, read_timeout_seconds=0.3) == Retryable("read-timed-out")


async def test_an_endpoint_that_drips_its_head_is_not_silent_and_is_given_up_in_time() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await a_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    assert await _post_when_connected(talk, seconds=0.4, read_timeout_seconds=30.0) == Retryable("timed-out")


@pytest.mark.parametrize(
    ("status", "outcome"), [(b"200", Delivered(200)), (b"503", Retryable("server-error", 503))], ids=["200", "503"]
)
async def test_an_endpoint_that_drips_its_body_has_said_what_counts(status: bytes, outcome: Outcome) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await a_request(reader)
        writer.write(b"HTTP/1.1 " + status + b" Said\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    assert await _post(talk) == outcome


async def test_an_endpoint_that_reads_a_byte_at_a_time_is_given_up_in_time() -> None:
    came = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came
        while byte := await reader.read(1):
            came += len(byte)
            await asyncio.sleep(0.01)

    body = b"x" * 20_000_000
    assert await _post_when_connected(talk, body, seconds=0.4, read_timeout_seconds=30.0) == Retryable("timed-out")

    assert came < len(body)


BOMB = gzip.compress(bytes(1_000_000)) * 60
"""60 MB in as many KB."""

FLOODS = {
    "content": (b"200 OK\r\nContent-Length: 1000000000\r\n\r\n", b"x" * 65_536, Delivered(200)),
    "gzip-bomb": (b"200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000000000\r\n\r\n", BOMB, Delivered(200)),
    "chunks": (b"503 No\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 9_000, Retryable("server-error", 503)),
    "a-chunk": (b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3B9ACA00\r\n", b"x" * 65_536, Delivered(200)),
    "chunk-extension": (b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 65_536, Delivered(200)),
    "trailers": (b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 9_000, Delivered(200)),
    "header": (b"200 OK\r\nX: ", b"x" * 65_536, Retryable("invalid-answer")),
    "headers": (b"200 OK\r\n", b"X: y\r\n" * 9_000, Retryable("invalid-answer")),
    "reason": (b"200 ", b"x" * 65_536, Retryable("invalid-answer")),
    "interim": (b"103 Early Hints\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2_000, Retryable("timed-out")),
}


@pytest.mark.parametrize("name", FLOODS)
async def test_an_answer_without_end_is_read_so_far_and_no_further(name: str) -> None:
    head, flood, outcome = FLOODS[name]
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await a_request(reader)
        writer.write(b"HTTP/1.1 " + head)
        while True:
            writer.write(flood)
            sent += len(flood)
            await writer.drain()

    seconds = 0.5 if outcome == Retryable("timed-out") else 30.0
    assert await _post_when_connected(talk, seconds=seconds) == outcome
    if seconds > 1 and name != "chunk-extension":
        assert sent < 16_000_000, "socket buffers hold a few megabytes"


async def test_a_status_line_that_never_ends_is_given_up_in_time() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await a_request(reader)
        writer.write(b"HTTP/1.1 2")
        await reader.read()

    assert await _post_when_connected(talk, seconds=0.3) == Retryable("timed-out")


async def test_a_server_that_takes_no_bytes_is_given_up_in_time() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    assert await _post_when_connected(talk, b"x" * 20_000_000, seconds=0.3) == Retryable("timed-out")


async def test_a_connection_closed_while_it_was_idle_costs_one_request_more_and_no_retry() -> None:
    idle = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await a_request(reader)
        writer.write(NO_CONTENT)
        await writer.drain()
        if server.connections == 1:
            await a_request(reader)  # the request crosses with the end of the connection
            reset(writer)
            idle.set()

    async with raw_server(talk) as server, reaching(a_destination(server.url)) as endpoint:
        assert await endpoint.post(an_export(1)) == Delivered(204)
        assert await endpoint.post(an_export(2)) == Delivered(204)
        assert endpoint.resent == 1

    assert idle.is_set()
    assert server.connections == 2


async def test_what_is_sent_again_goes_out_on_a_connection_of_its_own() -> None:
    """A server that ends all idle connections at once: each that we still hold would be lost, too."""
    held = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = server.connections
        await a_request(reader)
        if number == 3:
            held.set()
        if number <= 3:
            await held.wait()
        writer.write(NO_CONTENT)
        await a_request(reader)
        reset(writer)

    async with raw_server(talk) as server, reaching(a_destination(server.url)) as endpoint:
        posts = [endpoint.post(an_export(number)) for number in range(3)]
        assert await asyncio.gather(*posts) == [Delivered(204)] * 3
        assert await endpoint.post(an_export(3)) == Delivered(204)
        assert endpoint.resent == 1

    assert server.connections == 4


async def test_a_request_is_sent_again_at_once_one_time_only() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await a_request(reader)
        if server.connections == 1:
            writer.write(NO_CONTENT)
            await a_request(reader)
        reset(writer)

    async with raw_server(talk) as server, reaching(a_destination(server.url)) as endpoint:
        assert await endpoint.post(an_export(1)) == Delivered(204)
        assert await endpoint.post(an_export(2)) == Retryable("disconnected")
        assert endpoint.resent == 1

    assert server.connections == 2


async def test_a_reused_connection_that_answered_a_byte_is_not_sent_to_again() -> None:
    async with (
        raw_server(answering(NO_CONTENT, b"HTTP/1.1 5")) as server,
        reaching(a_destination(server.url)) as endpoint,
    ):
        assert await endpoint.post(an_export(1)) == Delivered(204)
        assert await endpoint.post(an_export(2)) == Retryable("disconnected")
        assert endpoint.resent == 0

    assert server.connections == 1
