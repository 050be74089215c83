"""What the tests of requests are made of: exports, destinations, and servers that misbehave on real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from streams.demo.endpoint import MockEndpoint
from streams.demo.tokens import MockTokenServer
from streams.destinations import Account, ClientCredentials, Delivery, Destination, Header
from streams.endpoints.egress import Egress
from streams.endpoints.endpoint import Endpoint, reach
from streams.exports import Export, Meta
from streams.secrets import Secret

LOOPBACK = (ip_network("127.0.0.0/8"),)
WALL = 1_800_000_000.0
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def an_export(number: int = 1, body: bytes = b'{"a":1}') -> Export:
    meta = Meta(version=1, revision=number, trigger="qualification", source="qualifications-0-0")
    return Export("streams.exports.crm.1", 0, number, 0, b"p1", body, f"id-{number}", meta)


def a_destination(
    url: str,
    *,
    credentials: ClientCredentials | None = None,
    headers: tuple[Header, ...] = (),
    seconds: float = 30.0,
    **bounds: Any,
) -> Destination:
    delivery = Delivery(timeout_seconds=seconds, **bounds)
    return Destination("crm", Account(url, credentials), headers=headers, delivery=delivery)


def credentials_of(server: MockTokenServer, *, secret: str = "demo", basic: bool = False) -> ClientCredentials:
    return ClientCredentials(server.url, "demo", Secret(secret), style="basic" if basic else "body")


@asynccontextmanager
async def reaching(destination: Destination, egress: Egress | None = None, **told: Any) -> AsyncIterator[Endpoint]:
    way = egress if egress is not None else Egress(LOOPBACK)
    async with reach(destination, way, now=lambda: WALL, monotonic=time.monotonic, **told) as endpoint:
        yield endpoint


@asynccontextmanager
async def mock_endpoint(tls: ssl.SSLContext | None = None) -> AsyncIterator[MockEndpoint]:
    endpoint = MockEndpoint()
    await endpoint.start(tls=tls)
    try:
        yield endpoint
    finally:
        await endpoint.close()


@asynccontextmanager
async def mock_tokens(expires_in: float | None = 3600) -> AsyncIterator[MockTokenServer]:
    server = MockTokenServer(expires_in=expires_in)
    await server.start()
    try:
        yield server
    finally:
        await server.close()


@dataclass
class RawServer:
    """A listener and what came to it."""

    url: str
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


async def a_request(reader: asyncio.StreamReader) -> bytes:
    """Read one whole request, head and body, as it came."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    return head + await reader.readexactly(length)


@asynccontextmanager
async def raw_server(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Serve each connection by *talk*, then close it."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        server.connections += 1
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await talk(reader, writer)
        finally:
            tasks.discard(task)
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    server = RawServer(f"{scheme}://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
    try:
        yield server
    finally:
        for task in tuple(tasks):
            task.cancel()
        listener.close()
        await listener.wait_closed()


def answering(*answers: bytes) -> Talk:
    """Answer one request after the other on a connection with these bytes, then close it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await a_request(reader)
            writer.write(answer)
            await writer.drain()

    return talk


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with a RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class FakeResolver(AbstractResolver):
    """Resolves every name to the next of *answers*; no address is no such name."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        address = self.answers.pop(0)
        if address is None:
            raise OSError(socket.EAI_NONAME, "no such name")
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
        ]

    async def close(self) -> None:
        """Nothing is open."""
