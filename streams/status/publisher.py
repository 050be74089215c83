"""Writes a worker's reports to the status topic, every few seconds and at changes.

Whatever becomes of them, the worker goes on: each round is bounded, failures are told once until a round succeeds, and
nothing waits for it but the worker's own stop, for a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import structlog
from mode import Service

from streams.status.shapes import Report, encode, key_of
from streams.stopping import stopped

LOOK_SECONDS = 1.0
"""How soon a change is seen."""
ROUND_SECONDS = 5.0
"""How long the broker may take for one round."""
TIDY_SECONDS = 30.0
"""How long it may take to find and take away what workers left that are gone."""
FAREWELL_SECONDS = 2.0
"""How long a stopping worker takes to take its reports away."""


class Reports(Protocol):
    """What is published."""

    def signature(self) -> object:
        """Return what differs when there is something to publish before the interval is over; cheap."""

    def reports(self) -> Iterable[Report]:
        """Return all reports as they are now."""


class Producer(Protocol):
    """What is used of an aiokafka producer."""

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Flush and disconnect."""

    def create_batch(self) -> Any:
        """Return an empty batch."""

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Awaitable[Any]:
        """Hand over a batch; what it returns is done when the broker has confirmed."""


Abandoned = Callable[[], Awaitable[Collection[bytes]]]
"""Finds the keys of workers that are surely gone."""


class Publisher(Service):  # type: ignore[misc]  # mode is untyped
    """Publishes *reports* to *topic* from ``start()`` to ``stop()``, which takes them away; starting waits for nothing.

    *abandoned* is asked once, and what it finds is taken away, too. *now* is a clock that nobody sets.
    """

    def __init__(
        self,
        topic: str,
        reports: Reports,
        new_producer: Callable[[], Producer],
        *,
        abandoned: Abandoned,
        interval_seconds: float,
        now: Callable[[], float],
        look_seconds: float = LOOK_SECONDS,
        farewell_seconds: float = FAREWELL_SECONDS,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._topic, self._reports, self._new_producer, self._abandoned = topic, reports, new_producer, abandoned
        self._interval, self._now, self._look, self._farewell = interval_seconds, now, look_seconds, farewell_seconds
        self._producer: Producer | None = None
        self._written: set[bytes] = set()
        self._signature: object = None
        self._due = float("-inf")
        self._failing = False
        self._writing, self._woken = asyncio.Lock(), asyncio.Event()

    def soon(self) -> None:
        """Look for a change at once."""
        self._woken.set()

    @Service.task  # type: ignore[untyped-decorator]
    async def _publish(self) -> None:
        while not self.should_stop:
            self._woken.clear()
            if self._now() >= self._due or self._reports.signature() != self._signature:
                await self._round()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._look):
                    await self._woken.wait()

    @Service.task  # type: ignore[untyped-decorator]
    async def _tidy(self) -> None:
        with suppress(Exception):  # what is not taken away now is when the next worker starts
            async with asyncio.timeout(TIDY_SECONDS):
                abandoned = await self._abandoned()
                async with self._writing:
                    await self._write(dict.fromkeys(abandoned))

    async def _round(self) -> None:
        """Publish once; never raises but for a cancellation."""
        self._due = self._now() + self._interval
        try:
            async with asyncio.timeout(ROUND_SECONDS), self._writing:
                if not self.should_stop:
                    await self._write_all()
        except Exception as error:  # a broker away, a topic gone, a permission lost: no reason to disturb the worker
            self._failed(error)
        else:
            self._failing = False

    def _failed(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            structlog.get_logger().warning("status.unpublished", topic=self._topic, error=type(error).__name__)

    async def _write_all(self) -> None:
        self._signature = self._reports.signature()
        rows: dict[bytes, bytes | None] = {key_of(report): encode(report) for report in self._reports.reports()}
        rows |= dict.fromkeys(self._written - rows.keys())
        self._written |= rows.keys()
        await self._write(rows)
        self._written = {key for key, value in rows.items() if value is not None}

    async def _write(self, rows: Mapping[bytes, bytes | None]) -> None:
        """Write *rows* in order, None as a tombstone, and return when the broker has confirmed them."""
        if not rows:
            return
        producer = await self._connected()
        confirmations, batch = [], producer.create_batch()
        for key, value in rows.items():
            if batch.append(key=key, value=value, timestamp=None) is None:
                confirmations.append(await producer.send_batch(batch, self._topic, partition=0))
                batch = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        confirmations.append(await producer.send_batch(batch, self._topic, partition=0))
        await asyncio.gather(*confirmations)

    async def _connected(self) -> Producer:
        if self._producer is None:
            producer = self._new_producer()
            try:
                await producer.start()
            except BaseException:
                await stopped(producer.stop(), self._farewell)
                raise
            self._producer = producer
        return self._producer

    async def on_stop(self) -> None:
        """Take this worker's reports away, if the broker answers at once, and disconnect."""
        if self._producer is None:
            return
        with suppress(Exception):
            async with asyncio.timeout(self._farewell), self._writing:
                await self._write(dict.fromkeys(self._written))
        await stopped(self._producer.stop(), self._farewell)
