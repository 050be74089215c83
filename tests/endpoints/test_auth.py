"""Tokens from a real server on loopback: what is sent, what is believed, what is never said."""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import ssl
from collections.abc import Sequence

import pytest
import trustme

from streams.demo.tokens import MockTokenServer, TokenReply
from streams.destinations import ClientCredentials
from streams.endpoints.auth import MAX_REPLY_BYTES, UNSAID_LIFETIME_SECONDS, TokenServer
from streams.endpoints.egress import Egress
from streams.endpoints.tokens import Token, TokenError
from streams.secrets import Secret
from tests.exchanges import LOOPBACK, WALL, a_request, credentials_of, mock_endpoint, mock_tokens, raw_server

STRANGE = "s+% :/?é&=\u20ac"


def a_server(credentials: ClientCredentials, egress: Egress | None = None) -> TokenServer:
    return TokenServer(credentials, egress or Egress(LOOPBACK), now=lambda: WALL)


async def _reason(credentials: ClientCredentials) -> str:
    with pytest.raises(TokenError) as told:
        await a_server(credentials).fetch()
    return told.value.reason


async def test_credentials_in_the_form_body() -> None:
    async with mock_tokens() as tokens:
        assert await a_server(credentials_of(tokens)).fetch() == Token("token-1", 3600.0)

    (asked,) = tokens.requests
    assert asked.authorization is None
    assert asked.form == {"grant_type": ["client_credentials"], "client_id": ["demo"], "client_secret": ["demo"]}


async def test_credentials_in_basic_authorization_are_form_encoded() -> None:
    tokens = MockTokenServer(("id:%", STRANGE))
    await tokens.start()
    try:
        await a_server(ClientCredentials(tokens.url, "id:%", Secret(STRANGE), "basic", "a b")).fetch()
    finally:
        await tokens.close()

    (asked,) = tokens.requests
    assert asked.form == {"grant_type": ["client_credentials"], "scope": ["a b"]}
    assert asked.authorization is not None
    pair = base64.b64decode(asked.authorization.removeprefix("Basic ")).decode()
    assert pair == "id%3A%25:s%2B%25+%3A%2F%3F%C3%A9%26%3D%E2%82%AC"


async def test_the_target_of_a_token_url_arrives_byte_for_byte() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.requests.append(await a_request(reader))
        body = b'{"access_token":"t"}'
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()

    target = "/oauth%2Ftoken/?tenant=a&tenant=&b=%2f+%20"
    async with raw_server(talk) as server:
        token = await a_server(ClientCredentials(server.url + target, "id", Secret("s"))).fetch()

    assert token == Token("t", UNSAID_LIFETIME_SECONDS)
    assert server.requests[0].startswith(f"POST {target} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (TokenReply(status=401, body=b'{"error":"invalid_client"}'), "token-refused"),
        (TokenReply(status=400, body=b'{"error":"unauthorized_client"}'), "token-refused"),
        (TokenReply(status=400, body=b'{"error":"invalid_scope"}'), "token-refused"),
        (TokenReply(status=404, body=b"<html>"), "token-refused"),
        (TokenReply(status=302, headers={"Location": "http://127.0.0.1:1/"}), "token-refused"),
        (TokenReply(status=400, body=b'{"error":"temporarily_unavailable"}'), "token-unavailable"),
        (TokenReply(status=408), "token-unavailable"),
        (TokenReply(status=429), "token-unavailable"),
        (TokenReply(status=500), "token-unavailable"),
        (TokenReply(status=503, body=b'{"error":"invalid_client"}'), "token-unavailable"),
        (TokenReply(status=200, body=b"<html>"), "token-invalid"),
        (TokenReply(status=200, body=b" " * (MAX_REPLY_BYTES + 1)), "token-invalid"),
    ],
)
async def test_a_reply_without_a_token_has_one_reason(reply: TokenReply, reason: str) -> None:
    async with mock_tokens() as tokens:
        tokens.script(reply)
        assert await _reason(credentials_of(tokens)) == reason


async def test_wrong_credentials_are_refused() -> None:
    async with mock_tokens() as tokens:
        assert await _reason(credentials_of(tokens, secret="wrong")) == "token-refused"


async def test_a_redirect_of_the_token_server_is_not_followed() -> None:
    async with mock_endpoint() as elsewhere, mock_tokens() as tokens:
        tokens.script(TokenReply(status=307, headers={"Location": elsewhere.url}))
        assert await _reason(credentials_of(tokens)) == "token-refused"

    assert elsewhere.requests == []


async def test_a_token_server_that_is_not_there_is_unavailable() -> None:
    async with mock_tokens() as tokens:
        credentials = credentials_of(tokens)

    assert await _reason(credentials) == "token-unavailable"


async def test_a_token_server_of_an_unknown_authority_is_not_asked() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    async with mock_endpoint(context) as server:
        assert await _reason(ClientCredentials(server.url, "id", Secret("s"))) == "token-tls-failed"

    assert server.requests == []


async def test_how_a_request_went_is_told() -> None:
    told: list[str] = []
    async with mock_tokens() as tokens:
        tokens.script(TokenReply(status=503), TokenReply(status=401), TokenReply(body=b"{}"))
        server = TokenServer(credentials_of(tokens), Egress(LOOPBACK), now=lambda: WALL, told=told.append)
        for _ in range(3):
            with pytest.raises(TokenError):
                await server.fetch()
        await server.fetch()

    assert told == ["failed", "refused", "failed", "fetched"]


@pytest.mark.parametrize("basic", [False, True])
async def test_neither_secret_nor_reply_stands_in_an_error_or_a_log(
    basic: bool, caplog: pytest.LogCaptureFixture
) -> None:
    secret, leak = "Xs3cretX", b'{"error":"invalid_client","error_description":"Xs3cretX LEAK"}'
    caplog.set_level(logging.DEBUG)
    async with mock_tokens() as tokens:
        for reply in (TokenReply(status=401, body=leak), TokenReply(status=500, body=leak), TokenReply(body=leak)):
            tokens.script(reply)
            with pytest.raises(TokenError) as told:
                await a_server(credentials_of(tokens, secret=secret, basic=basic)).fetch()
            assert not _says(_chain(told.value), secret, "LEAK")

    assert not _says([caplog.text], secret, "LEAK")


async def test_what_is_sent_to_one_token_server_is_not_sent_to_the_next() -> None:
    """authlib's default headers are one dictionary, which its Basic authorization writes into."""
    async with mock_tokens() as first, mock_tokens() as second:
        await a_server(credentials_of(first, basic=True)).fetch()
        await a_server(credentials_of(second)).fetch()

    assert second.requests[0].authorization is None


async def test_a_fetch_leaves_nothing_open() -> None:
    async with mock_tokens() as tokens:
        await a_server(credentials_of(tokens)).fetch()
    gc.collect()  # an unclosed session would warn, and warnings are errors


def _chain(error: BaseException | None) -> Sequence[str]:
    """Return the texts that a traceback of *error* would show."""
    texts = []
    while error is not None:
        texts += [str(error), repr(error)]
        error = error.__cause__ if error.__suppress_context__ else error.__cause__ or error.__context__
    return texts


def _says(texts: Sequence[str], *words: str) -> bool:
    return any(word in text for text in texts for word in words)
