"""One connection of a worker through the relay, and the one to the broker that stands for it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Sequence

from tests.faults.frames import Code, answer_correlation, read_frame, refused_commit, request_api, request_correlation
from tests.faults.toxics import Fate, Toxics, Way

HELD_BYTES = 64 * 1024 * 1024
"""What one way of a connection holds at most; then its sender has to wait."""

_LINGER_NOT = struct.pack("ii", 1, 0)

Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Link:
    """Relays whole frames both ways, as the *toxics* say."""

    def __init__(self, toxics: Toxics, worker: Side, broker: Side) -> None:
        self._toxics = toxics
        self._readers = {Way.TO_BROKER: worker[0], Way.TO_WORKER: broker[0]}
        self._writers = {Way.TO_BROKER: broker[1], Way.TO_WORKER: worker[1]}
        self._held = {way: _Held() for way in Way}
        self._lost: set[int] = set()
        """The requests whose answers are lost, by correlation."""
        self._reset = asyncio.Event()

    async def run(self) -> None:
        """Relay until both sides have ended, or one was reset; raises only what is a defect of the relay."""
        relays = [asyncio.ensure_future(work(way)) for way in Way for work in (self._take, self._give)]
        reset = asyncio.ensure_future(self._reset.wait())
        done = asyncio.ensure_future(_all(relays))
        try:
            await asyncio.wait({done, reset}, return_when=asyncio.FIRST_COMPLETED)
            if done.done():
                done.result()
        finally:
            for task in (reset, done, *relays):
                task.cancel()
            await asyncio.gather(reset, done, *relays, return_exceptions=True)
            for writer in self._writers.values():
                abort(writer) if self._reset.is_set() else writer.close()

    def reset(self) -> None:
        """End both sides at once; what is held is lost."""
        self._reset.set()

    async def _take(self, way: Way) -> None:
        """Read frames one way; a reset drops what is held, an end comes after it."""
        held, sort = self._held[way], self._request if way is Way.TO_BROKER else self._answer
        try:
            while True:
                sort(await read_frame(self._readers[way]))
                await held.room()
        except asyncio.IncompleteReadError:
            held.end()
        except OSError:
            self.reset()

    def _request(self, frame: bytes) -> None:
        fate = self._toxics.fate_of(frame)
        if fate is Fate.RESET:
            self.reset()
        elif fate is Fate.REFUSE:
            answer = refused_commit(frame, Code.COORDINATOR_LOADING)
            self._held[Way.TO_WORKER].put(answer, self._toxics.due())
        elif fate is not Fate.SWALLOW:
            if fate is Fate.UNANSWERED:
                self._lost.add(request_correlation(frame))
            self._held[Way.TO_BROKER].put(frame, self._toxics.due(request_api(frame)))

    def _answer(self, frame: bytes) -> None:
        if answer_correlation(frame) not in self._lost:
            self._held[Way.TO_WORKER].put(frame, self._toxics.due())

    async def _give(self, way: Way) -> None:
        """Write frames one way, when they are due and the way is open."""
        held, writer = self._held[way], self._writers[way]
        try:
            while (waiting := await held.next()) is not None:
                frame, due = waiting
                await self._toxics.passage(way, due)
                writer.write(frame)
                await writer.drain()
            await self._toxics.passage(way, self._toxics.due())
            writer.write_eof()
        except OSError:
            self.reset()


async def _all(relays: Sequence[asyncio.Future[None]]) -> bool:
    await asyncio.gather(*relays)
    return True


class _Held:
    """What is on its way in one direction of one connection."""

    def __init__(self) -> None:
        self._frames: deque[tuple[bytes, float] | None] = deque()
        self._size = 0
        self._arrived, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()

    def put(self, frame: bytes, due: float) -> None:
        self._frames.append((frame, due))
        self._size += len(frame)
        if self._size >= HELD_BYTES:
            self._room.clear()
        self._arrived.set()

    def end(self) -> None:
        self._frames.append(None)
        self._arrived.set()

    async def room(self) -> None:
        await self._room.wait()

    async def next(self) -> tuple[bytes, float] | None:
        """Return the next frame and when it is due; None at the end."""
        while not self._frames:
            self._arrived.clear()
            await self._arrived.wait()
        waiting = self._frames.popleft()
        if waiting is not None:
            self._size -= len(waiting[0])
            self._room.set()
        return waiting


def abort(writer: asyncio.StreamWriter) -> None:
    """Close with a reset: the other side loses what it has not read."""
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    writer.transport.abort()
