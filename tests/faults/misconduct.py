"""What an endpoint does instead of answering as HTTP/1.1 says: each way is one coroutine over one connection."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Protocol

WIDE_BYTES = 100_000
HUGE_BYTES = 1_000_000_000
PIECE_BYTES = 64 * 1024
ZEROS_BYTES = 64 * 1024 * 1024
"""What a piece of a bomb of some 64 KiB becomes when it is decompressed."""
SLOW_SECONDS = 1.0
"""Between two bytes of what comes slowly."""

_HEAD = b"HTTP/1.1 200 Answer\r\nContent-Type: application/json\r\n"
RACE = "race"


class Client(Protocol):
    """The connection to who has asked."""

    def answered(self) -> None:
        """Note that the client can know by now that its request was accepted."""

    async def write(self, data: bytes) -> None:
        """Write, and wait while the connection takes no more."""

    def reset(self) -> None:
        """End the connection with a RST; what is in buffers is lost."""

    def close(self) -> None:
        """End the connection with a FIN, when all is written."""


async def _reset(client: Client) -> None:
    client.reset()


async def _eof(client: Client) -> None:
    client.close()


async def _garbage(client: Client) -> None:
    await client.write(bytes(range(256)) * 8)
    client.close()


async def _wide_head(client: Client) -> None:
    await client.write(_HEAD + b"X-Wide: " + b"x" * WIDE_BYTES + b"\r\nContent-Length: 0\r\n\r\n")


async def _slow_head(client: Client) -> None:
    await _slowly(client, _HEAD + b"Content-Length: 0\r\n\r\n")


async def _truncated(client: Client) -> None:
    client.answered()
    await client.write(_HEAD + b"Content-Length: 100\r\n\r\n{")
    client.close()


async def _slow_body(client: Client) -> None:
    client.answered()
    await client.write(_HEAD + b"Content-Length: 1000\r\n\r\n")
    await _slowly(client, b" " * 1000)


async def _huge(client: Client) -> None:
    client.answered()
    await client.write(_HEAD + b"Content-Length: %d\r\n\r\n" % HUGE_BYTES)
    for _ in range(HUGE_BYTES // PIECE_BYTES):
        await client.write(b" " * PIECE_BYTES)


async def _bomb(client: Client) -> None:
    client.answered()
    await client.write(_HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
    await _chunks(client, _compressed())


async def _endless(client: Client) -> None:
    client.answered()
    await client.write(_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    await _chunks(client, b" " * PIECE_BYTES)


async def _slowly(client: Client, data: bytes) -> None:
    for place in range(len(data)):
        await client.write(data[place : place + 1])
        await asyncio.sleep(SLOW_SECONDS)


async def _chunks(client: Client, piece: bytes) -> None:
    """Write the same piece for ever: of a bomb a whole member of a gzip file, which may have any number of them."""
    chunk = b"%x\r\n%b\r\n" % (len(piece), piece)
    while True:
        await client.write(chunk)


@cache
def _compressed() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return packer.compress(bytes(ZEROS_BYTES)) + packer.flush()


WAYS: dict[str, Callable[[Client], Awaitable[None]]] = {
    RACE: _reset,  # of a connection that was used before, as one does that closes it for having been idle
    "reset": _reset,
    "eof": _eof,
    "garbage": _garbage,
    "wide-head": _wide_head,
    "slow-head": _slow_head,
    "truncated": _truncated,
    "slow-body": _slow_body,
    "huge": _huge,
    "bomb": _bomb,
    "endless": _endless,
}
ACCEPTING = frozenset({"truncated", "slow-body", "huge", "bomb", "endless"})
"""Ways that begin with a status line of 200 and a whole head: the request was accepted, and its client told."""
