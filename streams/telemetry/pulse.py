"""Whether the worker lives: the loop turns, and each stage that has work finishes some of it.

A stage that waits for something it may wait for (paused, in retry, recovering) is not stuck however long it takes;
one that has work, waits for nothing and finishes nothing is, and a restart is what helps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import structlog

LAGGED_SECONDS = 1.0
"""A beat this late is worth a line: heartbeats of Kafka share the loop."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A stage at one moment: what it has finished since it began, what still waits for it, what it waits for."""

    finished: int
    lag: int
    waiting: str | None = None


class Progress(NamedTuple):
    """What a stage had finished, and when it was last seen to be all right."""

    finished: int
    since: float


def follow(before: Progress, sample: Sample, now: float) -> Progress:
    """Return a stage's progress after one more sample of it."""
    if sample.finished != before.finished or sample.lag <= 0 or sample.waiting is not None:
        return Progress(sample.finished, now)
    return before


def alive(stages: Mapping[str, Progress], *, beat: float, now: float, stuck_after_seconds: float) -> tuple[bool, str]:
    """Decide whether the worker lives, and say why not; *beat* is when the loop was last seen to turn."""
    if now - beat > stuck_after_seconds:
        return False, f"the event loop has not turned for {now - beat:.0f} s"
    stuck = [
        f"{stage} has work and finished nothing for {now - progress.since:.0f} s"
        for stage, progress in stages.items()
        if now - progress.since > stuck_after_seconds
    ]
    return not stuck, "; ".join(stuck) or "the loop turns, and work is done where there is work"


class Pulse:
    """Beats in the event loop, looks at each stage and measures how late the beat is; *now* is a monotonic clock."""

    def __init__(
        self, now: Callable[[], float], *, stuck_after_seconds: float = 60.0, beat_seconds: float = 1.0
    ) -> None:
        self._now, self._stuck_after, self._beat_every = now, stuck_after_seconds, beat_seconds
        self._probes: dict[str, Callable[[], Sample]] = {}
        self._stages: dict[str, Progress] = {}
        self._beat = now()
        self._lag = 0.0
        self._task: asyncio.Task[None] | None = None

    def watch(self, stage: str, probe: Callable[[], Sample]) -> None:
        """Look at *stage* at each beat from now on."""
        self._probes[stage] = probe
        self._stages.pop(stage, None)

    def forget(self, stage: str) -> None:
        """Look at *stage* no more: it has ended as it should."""
        self._probes.pop(stage, None)
        self._stages.pop(stage, None)

    def live(self) -> tuple[bool, str]:
        """Return whether the worker lives, and why or why not: the probe of ``/livez``."""
        return alive(self._stages, beat=self._beat, now=self._now(), stuck_after_seconds=self._stuck_after)

    def loop_lag(self) -> float:
        """Return how late the latest beat came, in seconds."""
        return self._lag

    async def start(self) -> None:
        """Begin to beat."""
        self.beat()
        self._task = asyncio.create_task(self._run(), name="pulse")

    async def stop(self) -> None:
        """Stop beating."""
        if self._task is None:
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def _run(self) -> None:
        while True:
            due = self._now() + self._beat_every
            await asyncio.sleep(self._beat_every)
            self._lag = max(0.0, self._now() - due)
            if self._lag >= LAGGED_SECONDS:
                structlog.get_logger().warning("loop.lagged", seconds=round(self._lag, 3))
            self.beat()

    def beat(self) -> None:
        """Look at every stage once."""
        now = self._beat = self._now()
        for stage, probe in self._probes.items():
            before = self._stages.setdefault(stage, Progress(0, now))
            try:
                self._stages[stage] = follow(before, probe(), now)
            except Exception:  # the beat goes on; a stage that cannot be looked at will be found stuck
                structlog.get_logger().exception("pulse.probe_failed", stage=stage)
