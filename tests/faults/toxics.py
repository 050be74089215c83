"""What a relay does to what passes: latency, a cut way, and the fate of single Kafka requests."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from enum import Enum, StrEnum

from tests.faults.frames import request_api


class Way(Enum):
    """A direction."""

    TO_BROKER = "to broker"
    TO_WORKER = "to worker"


class Fate(StrEnum):
    """What becomes of a request."""

    PASS = "pass"
    SWALLOW = "swallow"
    """It does not arrive, and is never answered."""
    UNANSWERED = "unanswered"
    """It arrives and is done, but its answer is lost."""
    RESET = "reset"
    """It does not arrive, and its connection is reset."""
    REFUSE = "refuse"
    """It does not arrive; each of its partitions is refused with an error that may be tried again (commits only)."""


class Toxics:
    """Asked by every connection; what is changed here counts from the next frame on."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.latency_seconds = 0.0
        """Added to each frame, both ways."""
        self.fates: dict[int, Fate] = {}
        """Per number of a request; what is not here passes."""
        self.delays: dict[int, float] = {}
        """Seconds per number of a request; what comes after it on the connection waits too."""
        self.seen: Counter[tuple[int, Fate]] = Counter()
        """Requests by number and fate."""
        self._now = now
        self._flows = {way: asyncio.Event() for way in Way}
        self.mend()

    def cut(self, *ways: Way) -> None:
        """Let nothing through one way, or both if none is named; connections stand, and new ones are made."""
        for way in ways or Way:
            self._flows[way].clear()

    def mend(self) -> None:
        """Let everything through again, what was held first."""
        for flow in self._flows.values():
            flow.set()

    def fate_of(self, frame: bytes) -> Fate:
        """Decide about a request, and count it."""
        api = request_api(frame)
        fate = self.fates.get(api, Fate.PASS)
        self.seen[api, fate] += 1
        return fate

    def count(self, api: int, *fates: Fate) -> int:
        """Return how many requests had one of *fates*."""
        return sum(self.seen[api, fate] for fate in fates)

    def due(self, api: int | None = None) -> float:
        """Return when what comes now may go on."""
        return self._now() + self.latency_seconds + (0.0 if api is None else self.delays.get(api, 0.0))

    async def passage(self, way: Way, due: float) -> None:
        """Wait until something due at *due* may go on."""
        if (wait := due - self._now()) > 0:
            await asyncio.sleep(wait)
        await self._flows[way].wait()
