"""Posts as fast as an endpoint answers, with next to no work of its own, to see what the endpoint can do.

``python -m tests.bench.writer PORT PAYLOAD_BYTES SECONDS`` prints the requests per second.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import cast

import uvloop

CONNECTIONS = 64


class Posting(asyncio.Protocol):
    """One connection, on which a request follows each answer."""

    answers = 0

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        Posting.answers += 1
        self._transport.write(self._request)


async def post(port: int, payload_bytes: int, seconds: float) -> float:
    """Return the requests per second."""
    loop = asyncio.get_running_loop()
    body = b'{"id":"profile-00000000"}'.ljust(payload_bytes)
    request = b"POST /profiles HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    made = [await loop.create_connection(lambda: Posting(request), "127.0.0.1", port) for _ in range(CONNECTIONS)]
    began, before = time.monotonic(), Posting.answers
    await asyncio.sleep(seconds)
    speed = (Posting.answers - before) / (time.monotonic() - began)
    for transport, _ in made:
        transport.abort()
    return speed


if __name__ == "__main__":
    print(uvloop.run(post(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))))
