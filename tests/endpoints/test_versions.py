"""A version of aiohttp that is not known costs CPU, and nothing else."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from streams.endpoints.egress import Egress
from streams.endpoints.endpoint import Endpoint
from streams.endpoints.plain import PlainRequests
from streams.endpoints.versions import KNOWN, is_known, knows_aiohttp
from streams.outcomes import Delivered
from tests.exchanges import (
    LOOPBACK,
    NO_CONTENT,
    WALL,
    a_destination,
    a_request,
    an_export,
    raw_server,
    reset,
)


def test_the_installed_version_is_known() -> None:
    assert knows_aiohttp()


def test_another_version_is_told_once_with_what_to_do() -> None:
    with capture_logs() as lines:
        assert [is_known("9.9.9"), is_known("9.9.9"), is_known(KNOWN[-1])] == [False, False, True]

    assert [(line["event"], line["aiohttp"], line["known"]) for line in lines] == [("requests.plain", "9.9.9", KNOWN)]


class Tokens:
    """Lends a token, and another one where that is refused."""

    async def token(self, refused: str | None = None) -> str:
        return "first" if refused is None else "second"

    async def close(self) -> None:
        """Nothing is open."""


async def test_an_endpoint_works_by_a_session_too() -> None:
    """A token is renewed, and what a connection that was closed meanwhile lost is sent again at once."""
    tokens: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await a_request(reader)
            tokens.append(request.partition(b"Bearer ")[2].partition(b"\r\n")[0])
            if len(tokens) == 3:
                return reset(writer)
            writer.write(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" if tokens[-1] == b"first" else NO_CONTENT)

    async with raw_server(talk) as server:
        destination = a_destination(server.url)
        endpoint = Endpoint(destination, Egress(LOOPBACK), Tokens(), now=lambda: WALL, way=PlainRequests)
        await endpoint.start()
        try:
            outcomes = [await endpoint.post(an_export(number)) for number in range(2)]
        finally:
            await endpoint.close()

    assert outcomes == [Delivered(204)] * 2
    assert tokens == [b"first", b"second", b"first", b"first", b"second"]
    assert (endpoint.resent, server.connections) == (1, 2)
