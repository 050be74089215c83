"""A connection to the outside, which writes nothing once the lease of what it writes for has lapsed.

The check stands where bytes go to the socket. What the socket does not take at once would be written later by the
event loop, which asks nobody: so a large request goes in pieces, each checked, and its last byte by itself, when the
socket has taken all that is before. A request that a lapse, or a time-out, cuts short so never becomes whole.

Over TLS the socket is the inner transport's, which does not tell what it has left: there the check is where bytes are
handed over. So a socket's buffer is made large enough for most requests; of a larger one, to a peer that is slow to
read, the last 64 KiB or so may follow after a freeze, until the time-out resets the connection.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any, cast

import aiohttp
from aiohttp.client_proto import ResponseHandler

PIECE_BYTES = 16 * 1024
"""What a socket with an empty buffer takes at once; most requests are smaller."""

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class Guarded:
    """A transport that asks before each write how many seconds are *left*, and resets its connection if none is."""

    def __init__(self, transport: asyncio.Transport, left: Callable[[], float]) -> None:
        self._transport, self._left = transport, left
        self._waiting = bytearray()
        self.get_write_buffer_size = transport.get_write_buffer_size
        transport.set_write_buffer_limits(high=0)  # so that it says at once what the socket did not take

    def __getattr__(self, name: str) -> Any:
        """Be the transport in all that is not said here."""
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether nothing more can be written."""
        return self._transport.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write, or raise ClientConnectionResetError."""
        if self._left() <= 0:
            reset(self._transport)
            raise aiohttp.ClientConnectionResetError("the lease has lapsed")
        if not self._waiting and len(data) <= PIECE_BYTES and not self.get_write_buffer_size():
            self._transport.write(data)
            return
        self._waiting += data
        self.flush()

    @property
    def is_writing(self) -> bool:
        """Whether something waits that the socket did not take."""
        return bool(self._waiting) or self.get_write_buffer_size() > 0

    def writelines(self, chunks: Iterable[bytes | bytearray | memoryview]) -> None:
        """Write all of *chunks*."""
        self.write(b"".join(chunks))

    def flush(self) -> bool:
        """Write what waits as far as the socket takes it; return whether all is written, and taken."""
        while self._waiting and not self._transport.get_write_buffer_size():
            if self._left() <= 0:
                self._waiting.clear()
                reset(self._transport)
                return False
            size = max(1, min(PIECE_BYTES, len(self._waiting) - 1))
            piece = bytes(self._waiting[:size])
            del self._waiting[:size]
            self._transport.write(piece)
        return not self._waiting and not self._transport.get_write_buffer_size()


class Departures:
    """Requests that leave together, at the end of a turn of the loop, so that it and the peer wake each other less.

    Each is checked by its own wire when it leaves.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: list[Wire] = []

    def add(self, wire: Wire) -> None:
        """Let a wire ``depart`` soon."""
        if not self._due:
            self._loop.call_soon(self._depart)
        self._due.append(wire)

    def _depart(self) -> None:
        due, self._due = self._due, []
        for wire in due:
            wire.depart()


class Wire(ResponseHandler):
    """A connection that knows how often it was used, and whether an answer to its latest request has begun.

    With *left*, seconds that are left of a lease, nothing is written once that is not positive.
    """

    uses = 0
    replied = False
    _has_head = False

    def __init__(
        self, loop: asyncio.AbstractEventLoop, departures: Departures, left: Callable[[], float] | None = None
    ) -> None:
        super().__init__(loop)
        self._departures, self._left = departures, left
        self._request: bytes | None = None
        """What is sent and has not departed."""
        self._guarded: Guarded | None = None
        self._made: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to be connected."""
        self._made = transport
        if self._left is not None:
            self._guarded = Guarded(cast("asyncio.Transport", transport), self._left)
            transport = cast("asyncio.BaseTransport", self._guarded)
        super().connection_made(transport)

    def pause_writing(self) -> None:
        """Let the writer wait: the socket did not take all; it may be told again while a request goes in pieces."""
        if not self.writing_paused:
            super().pause_writing()

    def resume_writing(self) -> None:
        """Let the writer go on, once the pieces that wait are written."""
        if self._guarded is None or self._guarded.flush():
            super().resume_writing()
            if not self.replied:
                self.start_timeout()

    def send(self, request: bytes) -> None:
        """Write a whole request soon; the silence before its answer is timed from when all of it is written.

        Who reads the answer gets ClientOSError where the connection is closing by then, or the lease has lapsed.
        """
        self._request = request
        self._departures.add(self)

    def depart(self) -> None:
        """Write what was sent, unless it was given up meanwhile."""
        request, self._request = self._request, None
        if request is None:
            return
        transport = self.transport
        if transport is None or transport.is_closing():
            self.set_exception(aiohttp.ClientOSError(None, "expected an open connection"))
            return
        try:
            transport.write(request)
        except aiohttp.ClientConnectionResetError as error:
            self.set_exception(aiohttp.ClientOSError(*error.args), error)
            return
        if self.read_timeout is not None and not self.is_writing:
            self.start_timeout()

    @property
    def is_writing(self) -> bool:
        """Whether a part of the request is not written yet."""
        if self._request is not None:
            return True
        if self._guarded is not None:
            return self.transport is not None and self._guarded.is_writing
        return self.transport is not None and self.transport.get_write_buffer_size() > 0

    def set_response_params(self, **params: Any) -> None:
        """Begin a request."""
        self.uses += 1
        self.replied = self._has_head = False
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the answer: the head by itself, so that its status stands although what follows is broken."""
        self.replied = True
        if not self._has_head and (end := data.find(b"\r\n\r\n") + 4) >= 4:
            self._has_head = True
            super().data_received(data[:end])
            data = data[end:]
            if not data:
                return
        super().data_received(data)

    @property
    def lost_while_idle(self) -> bool:
        """Whether a request was lost to a connection that the peer had closed meanwhile: used before, no byte back."""
        return self.uses > 1 and not self.replied

    def reset(self) -> None:
        """Give up a request that was not answered: what of it lies in buffers, the kernel's too, never arrives."""
        self._request = None
        if self._made is not None:
            reset(cast("asyncio.Transport", self._made))


def reset(transport: asyncio.Transport) -> None:
    """Close a connection so that the peer is told of it, and nothing more is sent."""
    with_socket = transport.get_extra_info("socket")
    if with_socket is not None and with_socket.fileno() >= 0:
        with_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
    transport.abort()
