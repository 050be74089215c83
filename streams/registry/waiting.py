"""Waits until the live workers follow what was changed, or names who has not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from streams.brokers import Brokers
from streams.registry.awaited import Laggard, Wanted, laggards, live
from streams.status.shapes import Report, Worker
from streams.status.watching import Watch, watching
from streams.topics import cluster

LOOK_SECONDS = 0.5
"""How soon it is seen that a worker is not live any more, though nothing was reported."""


@dataclass(frozen=True, slots=True)
class Waited:
    """The live workers that were asked for, and which of them have not followed."""

    workers: tuple[str, ...] = ()
    laggards: tuple[Laggard, ...] = ()


@dataclass(frozen=True, slots=True)
class Crew:
    """The workers of an app: *topic* is where they report, *now* the wall clock in seconds."""

    brokers: Brokers
    topic: str
    now: Callable[[], float]

    async def follow(self, wanted: Wanted, timeout_seconds: float, stage: str | None = None) -> Waited:
        """Wait until every live worker, or every one that runs *stage*, follows; raises KafkaError.

        Without a live one nothing is waited for. A worker that dies meanwhile is waited for until its session is over.
        """
        if not await cluster.exists(self.brokers, self.topic):
            return Waited()
        async with watching(self.brokers, self.topic) as watch:
            deadline = asyncio.get_running_loop().time() + timeout_seconds
            while True:
                waited = self._look(watch, wanted, stage)
                left = deadline - asyncio.get_running_loop().time()
                if not waited.laggards or left <= 0:
                    return waited
                await watch.read(min(LOOK_SECONDS, left))

    async def reports(self) -> list[Report]:
        """Return what the workers reported last."""
        if not await cluster.exists(self.brokers, self.topic):
            return []
        async with watching(self.brokers, self.topic) as watch:
            return list(watch.reports)

    def _look(self, watch: Watch, wanted: Wanted, stage: str | None) -> Waited:
        workers = [each for each in live(watch.reports, int(self.now() * 1000)) if _runs(each, stage)]
        return Waited(tuple(each.id for each in workers), tuple(laggards(workers, wanted)))


def _runs(worker: Worker, stage: str | None) -> bool:
    return stage is None or stage in worker.stages
