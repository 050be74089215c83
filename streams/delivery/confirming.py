"""How what ends an export is written to Kafka: by a few tasks, and again until it is confirmed.

As long as it is ours: who is cancelled meanwhile has written it, or not, and who has the export next writes it again.
A storm of refusals, or a broker that is away, must not cost a task and a copy of the bytes for each export that is
held: what waits for its turn, or for its next try, is held as it was fetched.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from streams.delivery.on_demand import NotWrittenError
from streams.delivery.tasks import Tasks
from streams.delivery.tools import Tools
from streams.destinations import Retry
from streams.groups.lease import LapsedError
from streams.outcomes import Retryable

log = logging.getLogger(__name__)

MAX_WRITERS = 64
"""How many are written at a time."""

LAPSE_SECONDS = 0.2
"""How soon it is noticed that a lapsed lease was renewed."""

_TO_KAFKA = Retry()
"""How what Kafka does not take is written again, whatever the endpoint's policy."""


@dataclass(slots=True, eq=False)
class Writing:
    """Something to be written; *done* is called when it is confirmed."""

    what: str
    write: Callable[[], Awaitable[None]]
    done: Callable[[], None]
    refusals: int = 0


class Confirming:
    """Of one dispatch; its writers are among *tasks*, and a drain waits for them, but not for a next try."""

    def __init__(self, tools: Tools, tasks: Tasks) -> None:
        self._tools, self._tasks, self._loop = tools, tasks, asyncio.get_running_loop()
        self._queue: deque[Writing] = deque()
        self._timers: dict[Writing, asyncio.TimerHandle] = {}
        self._writers = 0

    def add(self, writing: Writing) -> None:
        """Write it as soon as it has its turn."""
        self._queue.append(writing)
        if self._writers < MAX_WRITERS:
            self._writers += 1
            self._tasks.spawn(self._write_all())

    def close(self) -> None:
        """Begin none any more."""
        self._queue.clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def _write_all(self) -> None:
        try:
            while self._queue:
                await self._write(self._queue.popleft())
        finally:
            self._writers -= 1

    async def _write(self, writing: Writing) -> None:
        try:
            await writing.write()
        except LapsedError:
            self._later(writing, LAPSE_SECONDS)
        except NotWrittenError as error:
            writing.refusals += 1
            log.warning("%s: %s is not confirmed: %s", self._tools.destination.name, writing.what, error)
            again = self._tools.pause(writing.refusals, Retryable("not-parked"), _TO_KAFKA, self._tools.random)
            self._later(writing, again)
        else:
            writing.done()

    def _later(self, writing: Writing, seconds: float) -> None:
        self._timers[writing] = self._loop.call_later(seconds, self._again, writing)

    def _again(self, writing: Writing) -> None:
        del self._timers[writing]
        self.add(writing)
