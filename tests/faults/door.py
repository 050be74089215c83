"""A port that can be shut, so that connections are refused, and opened again: nobody else gets it meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

HOST = "127.0.0.1"


class Door:
    """Listens on a free port of loopback; *protocol* serves each connection."""

    def __init__(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._protocol = protocol
        self._place = _bound(0)  # it never listens, and so only keeps the port
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it is."""
        return int(self._place.getsockname()[1])

    async def open(self) -> None:
        """Listen."""
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._protocol, sock=_bound(self.port), backlog=1024)

    def shut(self) -> None:
        """Refuse connections; those that there are stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def close(self) -> None:
        """Give the port back."""
        self.shut()
        self._place.close()


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((HOST, port))
    return made
