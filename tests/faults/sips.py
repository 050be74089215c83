"""What is done to a connection's socket beneath its transport: a small window, one byte a second, a RST at the end."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

WINDOW_BYTES = 4096
SIP_SECONDS, LOOK_SECONDS = 1.0, 0.02
_ESTABLISHED = 1
_LINGER_NOT = struct.pack("ii", 1, 0)


def narrow(transport: asyncio.Transport) -> None:
    """Let the peer send little beyond what is read."""
    with _socket(transport) as beneath:
        beneath.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)


def with_reset(transport: asyncio.Transport) -> None:
    """Let the connection end with a RST."""
    with _socket(transport) as beneath:
        beneath.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)


async def sipped(transport: asyncio.Transport) -> None:
    """Read one byte a second until the peer is gone; the transport itself must not be reading."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    with _socket(transport) as beneath:
        while _is_there(beneath):
            if loop.time() >= due:
                due += SIP_SECONDS
                with suppress(OSError):  # nothing is there, or nobody
                    beneath.recv(1, socket.MSG_DONTWAIT)
            await asyncio.sleep(LOOK_SECONDS)


def _is_there(beneath: socket.socket) -> bool:
    """Whether the peer has neither ended nor reset the connection, whatever of it is still to be read."""
    return beneath.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED


@contextmanager
def _socket(transport: asyncio.Transport) -> Iterator[socket.socket]:
    """A descriptor of our own for the connection's socket: an event loop does not hand its own one out."""
    beneath = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
    try:
        yield beneath
    finally:
        beneath.close()
