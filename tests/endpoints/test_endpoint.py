"""One attempt: what is sent is exactly what was configured, and what comes back is one outcome in time."""

from __future__ import annotations

import asyncio
import time

import pytest

from streams import __version__
from streams.demo.endpoint import Answer
from streams.destinations import Batch, Header
from streams.endpoints.egress import Egress
from streams.endpoints.endpoint import Endpoint
from streams.outcomes import Delivered, DestinationFault, Refused, Retryable
from streams.secrets import Secret
from tests.exchanges import (
    LOOPBACK,
    NO_CONTENT,
    WALL,
    a_destination,
    a_request,
    an_export,
    answering,
    credentials_of,
    mock_endpoint,
    mock_tokens,
    raw_server,
    reaching,
)

TARGETS = [
    "/v1/profiles?a=1&b=2",
    "/?b=2&a=1&b=1&a=1",
    "/a%2Fb%2fc/%7Euser/../d//e;v=1?q=%20+%2B&empty=&flag&&=x&%C3%A9=%c3%a9",
    "/a'(b)*!$@:,/%25?redirect=https://x.example/y?z=1",
    "/a?a=b==&c=%",
]


@pytest.mark.parametrize("target", TARGETS)
async def test_the_target_arrives_byte_for_byte_as_it_was_configured(target: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.requests.append(await a_request(reader))
        writer.write(NO_CONTENT)
        await writer.drain()

    async with raw_server(talk) as server, reaching(a_destination(server.url + target)) as endpoint:
        assert await endpoint.post(an_export()) == Delivered(204)

    assert server.requests[0].split(b"\r\n", 1)[0] == f"POST {target} HTTP/1.1".encode()


async def test_a_url_without_a_path_keeps_its_parameters() -> None:
    async with mock_endpoint() as mock, reaching(a_destination(mock.url + "?a=1&b=2")) as endpoint:
        await endpoint.post(an_export())

    assert mock.requests[0].url == "/?a=1&b=2"


@pytest.mark.parametrize(
    "url", ["ftp://a/", "/a", "http://", "http:///x", "http://a b/", "http://a/é", "http://u:p@a/", "http://a/\r\nX: y"]
)
def test_a_url_that_cannot_be_requested_as_written_is_refused_unseen(url: str) -> None:
    with pytest.raises(ValueError, match="expected") as refusal:
        Endpoint(a_destination(url), Egress(LOOPBACK), None, now=lambda: WALL)

    assert url not in str(refusal.value)


async def test_a_request_carries_the_headers_of_its_destination_and_the_id_of_its_export() -> None:
    custom = (Header("x-tenant", "north"), Header("X-Key", Secret("s3cret")), Header("x-tenant", "south"))
    async with mock_endpoint() as mock, reaching(a_destination(mock.url, headers=custom)) as endpoint:
        await endpoint.post(an_export(7))

    host = mock.url.removeprefix("http://")
    assert dict(mock.requests[0].headers) == {
        "Host": host,
        "Content-Type": "application/json",
        "User-Agent": f"streams/{__version__}",
        "Accept-Encoding": "identity",
        "Accept": "*/*",
        "x-tenant": "south",
        "X-Key": "s3cret",
        "Idempotency-Key": "id-7",
        "Content-Length": "7",
    }
    assert [value for name, value in mock.requests[0].headers if name == "x-tenant"] == ["north", "south"]


@pytest.mark.parametrize(
    ("batch", "type_"),
    [(None, "application/json"), (Batch(), "application/json"), (Batch(format="ndjson"), "application/x-ndjson")],
)
async def test_the_media_type_is_that_of_the_destinations_batches(batch: Batch | None, type_: str) -> None:
    async with mock_endpoint() as mock, reaching(a_destination(mock.url, batch=batch)) as endpoint:
        await endpoint.post(an_export())

    assert mock.requests[0].header("Content-Type") == type_


async def test_a_custom_header_replaces_ours_of_its_name_but_not_the_id() -> None:
    custom = (Header("content-type", "application/vnd.x+json"), Header("idempotency-key", "mine"))
    async with mock_endpoint() as mock, reaching(a_destination(mock.url, headers=custom)) as endpoint:
        await endpoint.post(an_export(7))

    headers = [(name.lower(), value) for name, value in mock.requests[0].headers]
    assert [value for name, value in headers if name == "content-type"] == ["application/vnd.x+json"]
    assert [value for name, value in headers if name == "idempotency-key"] == ["id-7"]


@pytest.mark.parametrize("body", [b'{"a": 1 }', '{"é":"\u2028"}'.encode(), b"\x00\xff", b"x" * 3_000_000])
async def test_the_body_arrives_byte_for_byte(body: bytes) -> None:
    async with mock_endpoint() as mock, reaching(a_destination(mock.url)) as endpoint:
        assert await endpoint.post(an_export(body=body)) == Delivered(204)

    assert mock.requests[0].body == body
    assert mock.requests[0].header("Content-Length") == str(len(body))


async def test_a_redirect_is_refused_and_not_followed() -> None:
    async with mock_endpoint() as elsewhere, mock_endpoint() as mock, reaching(a_destination(mock.url)) as endpoint:
        for status in (301, 302, 303, 307, 308):
            mock.script(Answer(status=status, headers={"Location": elsewhere.url}))
            assert await endpoint.post(an_export()) == Refused("redirected", status)

    assert elsewhere.requests == []


async def test_no_cookie_is_kept() -> None:
    async with mock_endpoint() as mock, reaching(a_destination(mock.url)) as endpoint:
        mock.script(Answer(headers={"Set-Cookie": "session=1"}))
        await endpoint.post(an_export())
        await endpoint.post(an_export())

    assert mock.requests[1].header("Cookie") is None


async def test_what_an_answer_asks_for_comes_with_the_outcome() -> None:
    async with mock_endpoint() as mock, reaching(a_destination(mock.url)) as endpoint:
        mock.script(
            Answer(status=429, headers={"Retry-After": "7"}),
            Answer(status=503, headers={"Retry-After": "Fri, 15 Jan 2027 08:00:30 GMT"}),
            Answer(status=429, headers={"Retry-After": "999999"}),
            Answer(status=429, headers={"Retry-After": "soon"}),
        )
        outcomes = [await endpoint.post(an_export()) for _ in range(4)]

    assert outcomes == [
        Retryable("throttled", 429, 7.0),
        Retryable("server-error", 503, 30.0),
        Retryable("throttled", 429, 3600.0),
        Retryable("throttled", 429, None),
    ]


async def test_an_endpoint_that_does_not_answer_is_given_up_in_time() -> None:
    async with mock_endpoint() as mock, reaching(a_destination(mock.url, seconds=0.2)) as endpoint:
        while await endpoint.post(an_export()) != Delivered(204):
            pass  # a slow machine is not connected in time
        mock.script(Answer(hang=True))
        began = time.monotonic()
        outcome = await endpoint.post(an_export())

    assert outcome == Retryable("timed-out")
    assert time.monotonic() - began >= 0.2


async def test_cancelling_a_post_cancels_it() -> None:
    async with mock_endpoint() as mock, reaching(a_destination(mock.url)) as endpoint:
        mock.script(Answer(hang=True))
        post = asyncio.create_task(endpoint.post(an_export()))
        await mock.arrived(1)
        post.cancel()
        with pytest.raises(asyncio.CancelledError):
            await post


async def test_a_destination_has_no_more_requests_open_than_it_may() -> None:
    async with mock_endpoint() as mock, reaching(a_destination(mock.url, max_in_flight=3)) as endpoint:
        mock.decide = lambda _: Answer(hang=True)
        posts = [asyncio.create_task(endpoint.post(an_export(number))) for number in range(9)]
        await mock.arrived(3)
        mock.release()
        outcomes = await asyncio.gather(*posts)

    assert set(outcomes) == {Delivered(204)}
    assert mock.most_in_flight == 3


async def test_a_long_answer_is_read_so_far_and_no_further() -> None:
    sent = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await a_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    async with raw_server(talk) as server, reaching(a_destination(server.url)) as endpoint:
        outcome = await endpoint.post(an_export())

    assert outcome == Delivered(200)
    assert sent < 16_000_000, "socket buffers hold a few megabytes, not the whole answer"


async def test_a_short_answer_leaves_the_connection_for_the_next_request() -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 16000\r\n\r\n" + b"x" * 16000
    async with raw_server(answering(ok, ok, ok)) as server, reaching(a_destination(server.url)) as endpoint:
        assert [await endpoint.post(an_export()) for _ in range(3)] == [Delivered(200)] * 3

    assert server.connections == 1


async def test_a_refused_token_is_renewed_once_however_many_requests_it_was_refused_to() -> None:
    async with mock_tokens() as tokens, mock_endpoint() as mock:
        mock.decide = lambda request: None if tokens.accepts(request.header("Authorization")) else Answer(status=401)
        async with reaching(a_destination(mock.url, credentials=credentials_of(tokens))) as endpoint:
            first = await asyncio.gather(*(endpoint.post(an_export(number)) for number in range(200)))
            tokens.revoke()
            second = await asyncio.gather(*(endpoint.post(an_export(number)) for number in range(200)))

    assert set(first) == set(second) == {Delivered(204)}
    assert len(tokens.requests) == 2
    assert all(request.body == b'{"a":1}' for request in mock.requests)


async def test_a_token_that_is_refused_again_after_its_renewal_is_the_destinations_fault() -> None:
    async with mock_tokens() as tokens, mock_endpoint() as mock:
        mock.decide = lambda _: Answer(status=401)
        async with reaching(a_destination(mock.url, credentials=credentials_of(tokens))) as endpoint:
            outcome = await endpoint.post(an_export())
            assert [r.header("Authorization") for r in mock.requests] == ["Bearer token-1", "Bearer token-2"]
            storm = [await endpoint.post(an_export()) for _ in range(50)]

    assert outcome == DestinationFault("unauthorized", 401)
    assert set(storm) == {outcome}
    assert len(tokens.requests) <= 4, "an endpoint that refuses every token does not make a storm of token requests"


async def test_without_credentials_a_401_is_not_sent_again() -> None:
    async with mock_endpoint() as mock, reaching(a_destination(mock.url)) as endpoint:
        mock.script(401)
        assert await endpoint.post(an_export()) == DestinationFault("unauthorized", 401)

    assert len(mock.requests) == 1
    assert mock.requests[0].header("Authorization") is None
