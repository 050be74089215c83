"""Stands before the embedded broker, on loopback, and mends two things in what clients and broker say to each other.

An idempotent producer begins by asking for an id. Clients ask with version 0 of that request, the embedded broker
answers from version 3 on only (Kafka's protocol, InitProducerId, API key 22); the two say the same. So a request of
that kind is put into version 3 and its answer back into version 0.

A fetch (API key 1) says how long the broker may wait for a record to come. The embedded broker waits so long even when
one comes meanwhile, where a real one answers at once; so it is given less time. All else passes byte for byte.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Coroutine
from contextlib import closing, suppress

_FETCH, _INIT_PRODUCER_ID = 1, 22
_SPOKEN, _UNDERSTOOD = 0, 3
_NO_PRODUCER = struct.pack(">qh", -1, -1)
_NO_TAGS = b"\0"
_ANSWER = struct.Struct(">ihqh")
"""Throttle time, error code, producer id, epoch: the same in both versions."""

_WAIT = struct.Struct(">i")
_FLEXIBLE_FETCH = 12
"""From this version on the head ends with tags; and clients of ours speak none of these."""

WAIT_MS = 40
"""How long a fetch waits: a record that comes meanwhile is late by so much, and so often an idle client asks."""


class Interpreter:
    """What is said on one connection; a frame is a message without its length. Pure."""

    def __init__(self) -> None:
        self._awaited: set[bytes] = set()

    def request(self, frame: bytes) -> bytes:
        """Return a client's request as the broker understands it."""
        key, version = struct.unpack_from(">hh", frame)
        if key == _FETCH and version < _FLEXIBLE_FETCH:
            return _impatient(frame)
        if (key, version) != (_INIT_PRODUCER_ID, _SPOKEN):
            return frame
        correlation, rest = frame[4:8], frame[8:]
        client, rest = _text(rest)
        transactional, timeout = _text(rest)
        self._awaited.add(correlation)
        head = struct.pack(">hh", key, _UNDERSTOOD) + correlation + client + _NO_TAGS
        return head + _compact(transactional) + timeout + _NO_PRODUCER + _NO_TAGS

    def answer(self, frame: bytes) -> bytes:
        """Return the broker's answer as the client understands it."""
        correlation = frame[:4]
        if correlation not in self._awaited:
            return frame
        self._awaited.discard(correlation)
        start = len(correlation) + len(_NO_TAGS)
        return correlation + frame[start : start + _ANSWER.size]


def _impatient(frame: bytes) -> bytes:
    """Return a fetch that waits for at most WAIT_MS; the time stands behind the head and the replica's number."""
    client, _ = _text(frame[8:])
    place = 8 + len(client) + 4
    (wait_ms,) = _WAIT.unpack_from(frame, place)
    return frame[:place] + _WAIT.pack(min(wait_ms, WAIT_MS)) + frame[place + _WAIT.size :]


def _text(data: bytes) -> tuple[bytes, bytes]:
    """Split a nullable string, with its length, from what follows it."""
    (length,) = struct.unpack_from(">h", data)
    end = 2 + max(length, 0)
    return data[:end], data[end:]


def _compact(text: bytes) -> bytes:
    """Return a nullable string in the compact form: its length plus one as a varint, 0 for null."""
    (length,) = struct.unpack_from(">h", text)
    left, varint = length + 1, bytearray()
    while left > 0x7F:
        varint.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes((*varint, left)) + text[2:]


class Front:
    """Listens in the broker's place, from ``start`` to ``stop``."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._broker_port = 0

    async def start(self, port: int, *, broker_port: int) -> None:
        """Take connections on *port*, each to one of its own to the broker."""
        self._broker_port = broker_port
        self._server = await asyncio.start_server(self._taken, "127.0.0.1", port)

    async def stop(self) -> None:
        """Close every connection and stop listening."""
        if self._server is not None:
            self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.create_task(self._talk(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        interpreter = Interpreter()
        with closing(writer), suppress(OSError):
            theirs, ours = await asyncio.open_connection("127.0.0.1", self._broker_port)
            with closing(ours):
                await _first(_pass_on(reader, ours, interpreter.request), _pass_on(theirs, writer, interpreter.answer))


async def _first(*ways: Coroutine[None, None, None]) -> None:
    """Run all until one ends, then cancel the others."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, interpret: Callable[[bytes], bytes]
) -> None:
    """Pass frames on until either side is gone."""
    with suppress(OSError, asyncio.IncompleteReadError):
        while True:
            (size,) = struct.unpack(">i", await reader.readexactly(4))
            frame = interpret(await reader.readexactly(size))
            writer.write(struct.pack(">i", len(frame)) + frame)
            await writer.drain()
