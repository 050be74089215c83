"""A prepared request is what was prepared, and nothing that is posted can end a header and begin another one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streams.endpoints.attempt import Attempt
from streams.endpoints.egress import Egress, exact_url
from streams.endpoints.prepared import PreparedRequests
from streams.exports import Export
from tests.exchanges import LOOPBACK, NO_CONTENT, an_export, raw_server

INJECTIONS = ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rb", "a\x00b", "a\x7fb"]


@asynccontextmanager
async def prepared(url: str, *headers: tuple[str, str]) -> AsyncIterator[PreparedRequests]:
    requests = PreparedRequests(exact_url(url), headers, Egress(LOOPBACK), limit=4, left=None)
    try:
        yield requests
    finally:
        await requests.close()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    raise AssertionError("expected no connection")


@pytest.mark.parametrize("text", INJECTIONS)
async def test_a_header_that_would_begin_another_one_is_refused_before_anything_is_sent(text: str) -> None:
    for header in (("X-Key", text), (text, "value")):
        with pytest.raises(ValueError, match="control character"):
            async with prepared("http://127.0.0.1:1/", header):
                raise AssertionError("expected a refusal")


@pytest.mark.parametrize("text", [*INJECTIONS, "é", "a\u2028b"])
async def test_an_id_or_a_trace_that_is_no_token_is_refused_before_anything_is_sent(text: str) -> None:
    plain = an_export()
    fields = (plain.topic, plain.partition, plain.offset, plain.timestamp, plain.key, plain.body)
    async with raw_server(silent) as server, prepared(server.url) as requests:
        for posted in (Export(*fields, text, plain.meta), Export(*fields, "id-1", plain.meta, text)):
            with pytest.raises(ValueError):  # noqa: PT011 - of two kinds: an encoding's is one, too
                await requests.post(posted, None, Attempt())

    assert server.connections == 0


@pytest.mark.parametrize("text", INJECTIONS)
async def test_a_token_that_would_begin_another_header_is_refused_each_time(text: str) -> None:
    async with raw_server(silent) as server, prepared(server.url) as requests:
        for _ in range(2):
            with pytest.raises(ValueError, match="control character") as refusal:
                await requests.post(an_export(), text, Attempt())
            assert text not in str(refusal.value)

    assert server.connections == 0


async def test_a_request_is_written_at_once_and_as_it_is() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.requests.append(await reader.read(65_536))
        writer.write(NO_CONTENT)

    headers = (("User-Agent", "us"), ("Accept-Encoding", "identity"), ("X-Key", "k"))
    async with raw_server(talk) as server, prepared(server.url + "/a?b=c", *headers) as requests:
        await requests.post(an_export(7), "secret", Attempt())

    host = server.url.removeprefix("http://").encode()
    assert server.requests == [
        b"POST /a?b=c HTTP/1.1\r\nHost: %b\r\nUser-Agent: us\r\nAccept-Encoding: identity\r\nX-Key: k\r\n"
        b"Accept: */*\r\nAuthorization: Bearer secret\r\nIdempotency-Key: id-7\r\nContent-Length: 7\r\n\r\n"
        b'{"a":1}' % host
    ]
