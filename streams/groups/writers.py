"""The writer of a guarded connection: what needs a lease is checked at the very system call that writes it.

What a socket does not take at once waits in the transport for the event loop, which after a freeze writes it before any
timer runs. So here the bytes go to the socket directly, and what it did not take is checked again before it goes. It
needs nothing of a loop's internals, so it holds for asyncio's and for uvloop. Over TLS they are encrypted here, by the
session that the transport reads with: what that writes by itself, which is next to nothing, must come behind them, or
the broker finds the connection broken.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.groups.lease import Lease
from streams.tls import Session

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class LeaseLapsedError(KafkaError):  # type: ignore[misc]  # untyped
    """A request was not written because the lease has lapsed; aiokafka tries it again, as after a lost connection."""

    retriable = True


class Writer:
    """Stands in the place of a connection's ``StreamWriter``, from when it is made until it is closed."""

    def __init__(self, connection: Any) -> None:
        self._connection, self._inner = connection, connection._writer
        self._loop = asyncio.get_running_loop()
        forget_at_close(self.transport)
        self._session = _session(self.transport)
        self._socket: socket.socket | None = _own_socket(self.transport)
        self._left = memoryview(b"")
        self._left_needs_lease = False
        self.leases: list[Lease] = []
        self.needs_lease = False
        """Whether what is written next needs them."""

    @property
    def transport(self) -> Any:
        """The transport, which reads."""
        return self._inner.transport

    def write(self, data: bytes) -> None:
        """Write now, and the rest when the socket takes it; LeaseLapsedError where a lease that it needs is over."""
        if self.needs_lease and not self._is_held():
            raise LeaseLapsedError("the lease has lapsed: the group may have given the partitions away")
        if self._socket is None:
            raise KafkaConnectionError("the connection is closed")
        if self._session is not None:
            data = self._session.encrypted(data)
        self._left_needs_lease |= self.needs_lease
        if self._left:
            self._left = memoryview(bytes(self._left) + data)
            return
        self._left = memoryview(data)
        self._send(self._socket)
        if self._left:
            self._loop.add_writer(self._socket, self._flush, self._socket)

    def _flush(self, to: socket.socket) -> None:
        """Write on; a request that is cut short by a lapse never becomes whole."""
        try:
            if self._left_needs_lease and not self._is_held():
                raise LeaseLapsedError("the lease has lapsed while a request was being written")
            self._send(to)
        except (OSError, LeaseLapsedError) as error:
            self.transport.abort()
            self._connection.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)
            self.close()
        if not self._left and self._socket is not None:
            self._loop.remove_writer(to)

    def _send(self, to: socket.socket) -> None:
        with suppress(BlockingIOError, InterruptedError):
            self._left = self._left[to.send(self._left) :]
        self._left_needs_lease = self._left_needs_lease and bool(self._left)

    def _is_held(self) -> bool:
        return all(lease.held for lease in self.leases)

    def drain(self) -> Awaitable[None]:
        """Return what waits for the transport."""
        drained: Awaitable[None] = self._inner.drain()
        return drained

    def close(self) -> None:
        """Close at once; what was not written is forgotten: aiokafka has failed those requests already.

        Over TLS no farewell is exchanged: until it is answered the kernel would go on sending.
        """
        self._left = memoryview(b"")
        own, self._socket = self._socket, None
        if own is not None:
            if not self._loop.is_closed():
                self._loop.remove_writer(own)
            own.close()
        self.transport.abort()


def forget_at_close(transport: Any) -> None:
    """Let the kernel forget what it has not sent when the socket is closed, be it by aiokafka after a time-out."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)


def _session(transport: Any) -> Session | None:
    """Return the session of a transport over TLS."""
    session = transport.get_extra_info("ssl_object")
    if session is None or isinstance(session, Session):
        return session
    raise TypeError("only TLS of streams.tls can be guarded: of another what is written cannot be seen")


def _own_socket(transport: Any) -> socket.socket:
    """Return a second handle of the transport's socket, which its loop leaves to us."""
    own = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
    own.setblocking(False)
    return own
