"""An endpoint that costs next to nothing: it reads a request and answers 204, after a latency if it is told to.

It is told and asked by lines on its standard input, and answers each with a line; the first line is its port. It ends
when its standard input does. Below ``/silent`` it never answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import time
from typing import Any, cast

import uvloop

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
PROFILE = b'"profile-'
"""What an export has once in its body."""
NUMBER = re.compile(PROFILE + rb"(\d+)")
SILENT = "/silent"


class Book:
    """What was answered, and how the next requests are."""

    def __init__(self) -> None:
        self.latency_seconds = 0.0
        self.requests = self.exports = 0
        self.first_at = self.last_at = 0.0
        self.watching = False
        self.seen: dict[tuple[str, int], float] = {}
        """When each export was answered first, by its path and its profile's number, while it is watched."""

    def answered(self, path: str, body: bytes) -> None:
        """Count a request that is being answered."""
        self.last_at = time.time()
        self.first_at = self.first_at or self.last_at
        self.requests += 1
        if not self.watching:
            self.exports += body.count(PROFILE)
            return
        for number in NUMBER.findall(body):
            self.seen.setdefault((path, int(number)), self.last_at)
        self.exports = len(self.seen)

    def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Begin anew as a command says, and tell what was; an empty one only tells."""
        told: dict[str, Any] = {
            "requests": self.requests,
            "exports": self.exports,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "cpu_seconds": time.process_time(),
        }
        if command.get("seen"):
            told["seen"] = [(*export, at) for export, at in self.seen.items()]
        if "latency_ms" in command:
            self.latency_seconds = command["latency_ms"] / 1000
            self.watching, self.seen = command["watching"], {}
            self.requests = self.exports = 0
            self.first_at = self.last_at = 0.0
        return told


class Answering(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._parts: list[bytes] = []
        self._missing = 0
        self._path = ""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one by its methods only

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            data = self._begun(data)
        self._parts.append(data)
        self._missing -= len(data)
        if self._missing == 0 and self._path and not self._path.startswith(SILENT):
            if self._book.latency_seconds:
                asyncio.get_running_loop().call_later(self._book.latency_seconds, self._answer)
            else:
                self._answer()

    def _begun(self, data: bytes) -> bytes:
        """Read a head, and return what follows it; a head that is not whole waits for its rest."""
        data = b"".join((*self._parts, data))
        self._parts.clear()
        self._path, head = "", data.find(b"\r\n\r\n")
        if head < 0:
            self._missing = 0
            return data
        length = LENGTH.search(data, 0, head)
        self._missing = int(length[1]) if length else 0
        self._path = data[data.index(b" ") + 1 : data.index(b" HTTP/")].decode()
        return data[head + 4 :]

    def _answer(self) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        self._transport.write(ANSWER)
        self._book.answered(self._path, b"".join(self._parts))
        self._parts.clear()
        self._path = ""


async def serve() -> None:
    """Serve on a free port of loopback until standard input ends."""
    loop, book, ended, read = asyncio.get_running_loop(), Book(), asyncio.Event(), bytearray()
    server = await loop.create_server(lambda: Answering(book), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)

    def hear() -> None:
        data = os.read(0, 65536)
        if not data:
            ended.set()
        read.extend(data)
        while (end := read.find(b"\n")) >= 0:
            print(json.dumps(book.obey(json.loads(read[:end]))), flush=True)
            del read[: end + 1]

    loop.add_reader(0, hear)
    await ended.wait()


if __name__ == "__main__":
    sys.exit(uvloop.run(serve()))
