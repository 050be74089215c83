"""A listener on an address that no worker may reach: it counts who connects, and says nothing."""

from __future__ import annotations

import asyncio

HOST = "127.0.0.2"
"""Loopback, and outside of the network that the workers are allowed."""


class Forbidden:
    """``accepts`` must stay 0."""

    def __init__(self) -> None:
        self.accepts = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen, and return the URL that leads here."""
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        return f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}/v1"

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accept(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepts += 1
        writer.close()
