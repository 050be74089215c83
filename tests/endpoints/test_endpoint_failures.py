"""What goes wrong on a real socket has one meaning each, whatever the client library calls it."""

from __future__ import annotations

import asyncio

import pytest

from streams.demo.tokens import TokenReply
from streams.endpoints.egress import Egress
from streams.endpoints.endpoint import DRAIN_SECONDS
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


async def _post(talk: Talk, *, seconds: float = 5.0) -> Outcome:
    async with raw_server(talk) as server, reaching(a_destination(server.url, seconds=seconds)) as endpoint:
        outcome = await endpoint.post(an_export())
        assert endpoint.resent == 0, "a request on a new connection is not sent again at once"
    return outcome


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

    assert await _post(talk, seconds=DRAIN_SECONDS * 0.9) == Delivered(200)


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


async def test_a_status_line_that_never_ends_is_given_up_in_time() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await a_request(reader)
        writer.write(b"HTTP/1.1 2")
        await reader.read()

    assert await _post(talk, seconds=0.3) == Retryable("timed-out")


async def test_a_server_that_takes_no_bytes_is_given_up_in_time() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with raw_server(talk) as server, reaching(a_destination(server.url, seconds=0.3)) as endpoint:
        assert await endpoint.post(an_export(body=b"x" * 20_000_000)) == Retryable("timed-out")


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
