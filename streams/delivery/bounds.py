"""What all destinations of a process share: requests in flight, and bytes of exports in memory."""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """Requests in flight beside each destination's own bound; who waits is served in the order of asking.

    So destinations that hang cannot keep the others out: a slot is given back after every attempt, and then it is the
    turn of whoever asked first.
    """

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiting)

    def take(self) -> bool:
        """Take a slot if one is free; otherwise ``await taken()``."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    async def taken(self) -> None:
        """Wait for a slot and take it."""
        slot: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(slot)
        try:
            await slot
        except asyncio.CancelledError:
            if slot.done() and not slot.cancelled():
                self.give()  # it was handed to us in the moment we were cancelled
            elif slot in self._waiting:
                self._waiting.remove(slot)
            raise

    def give(self) -> None:
        """Give a slot back: to the first who waits, else it is free."""
        while self._waiting:
            slot = self._waiting.popleft()
            if not slot.done():
                slot.set_result(None)
                return
        self._free += 1


class Shared:
    """The bounds of one process; one object, given to every delivery."""

    def __init__(
        self,
        *,
        max_in_flight: int = 512,
        max_pending_bytes: int = 512 * 1024 * 1024,
        floor_bytes: int = 1024 * 1024,
    ) -> None:
        self.slots = Slots(max_in_flight)
        self.max_pending_bytes = max_pending_bytes
        self.floor_bytes = floor_bytes
        """What each destination may hold although the others have filled the memory: else they would stop it."""
        self.pending_bytes = 0

    def full_for(self, pending_bytes: int) -> bool:
        """Whether a destination that holds *pending_bytes* may not fetch for now."""
        return self.pending_bytes >= self.max_pending_bytes and pending_bytes >= self.floor_bytes
