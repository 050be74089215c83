"""A relay between a worker and a broker that can be told to misbehave.

The broker has a second listener and tells its clients the relay's port, so all connections of a worker pass here and
the judge's own go straight. What is held while the way is cut is in the network: it arrives when the cut is mended,
unless its sender has reset the connection meanwhile.
"""

from __future__ import annotations

import asyncio

from tests.faults.links import Link, Side, abort
from tests.faults.toxics import Toxics


class Proxy(Toxics):
    """Listens on *port* of the loopback address and relays to *target*, a ``host:port`` that may be given later."""

    def __init__(self, port: int, target: str = "") -> None:
        super().__init__()
        self.port, self.target = port, target
        self._server: asyncio.Server | None = None
        self._links: dict[Link, asyncio.Future[None]] = {}
        self._defects: list[Exception] = []

    @property
    def bootstrap(self) -> str:
        """The address to give to a worker."""
        return f"127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections stand."""
        return len(self._links)

    async def open(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    def refuse(self) -> None:
        """Refuse new connections, until ``open``; those that stand go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def reset(self) -> None:
        """Reset every connection, on both sides."""
        for link in list(self._links):
            link.reset()

    async def close(self) -> None:
        """Stop listening and end every connection; raises what was a defect of the relay itself."""
        self.refuse()
        self.reset()
        await asyncio.gather(*self._links.values())
        if self._defects:
            raise self._defects[0]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self.target.rpartition(":")
        try:
            broker = await asyncio.open_connection(host, int(port))
        except OSError:
            abort(writer)
            return
        await self._relay((reader, writer), broker)

    async def _relay(self, worker: Side, broker: Side) -> None:
        link = Link(self, worker, broker)
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._links[link] = ended
        try:
            await link.run()
        except Exception as error:
            self._defects.append(error)
        finally:
            del self._links[link]
            ended.set_result(None)
