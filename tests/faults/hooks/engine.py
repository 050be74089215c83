"""What switches off the engine's measures: each makes of one part what a stock Faust application has there."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from streams.engine import app
from streams.engine.commits import Progress
from streams.engine.consumer import Consumer
from streams.engine.engine import Engine
from streams.engine.recovery import Recovery
from streams.engine.release import Release
from streams.engine.thread import ConsumerThread
from tests.faults.hooks.activation import faulty_handle
from tests.faults.hooks.replacing import replaced

MAX_POLL_SECONDS = 8.0
"""Short, so that what goes on without a keep-alive is seen in a run of a minute."""
REBALANCE_SECONDS = 30.0
"""Long beside what a rebalance takes, so that a fetch that began before one is still waiting after it."""


def commit_in_flight() -> None:
    """Commit what was fetched, whether or not it is done."""

    def take(self: Any, offsets: Any) -> None:
        taken = list(offsets)
        stock(self, taken)
        for offset in taken:
            self.acknowledge(offset)

    stock = replaced(Progress, "take", take)


def open_early() -> None:
    """Let records flow while the changelog is still being loaded."""
    loading: set[asyncio.Future[None]] = set()

    async def load(self: Any, *given: Any) -> None:
        loading.add(asyncio.ensure_future(stock(self, *given)))
        self._complete = True

    stock = replaced(Recovery, "_load", load)


def no_keep_alive() -> None:
    """Let the poll interval expire where nothing may be fetched; the interval is short."""

    async def keep_alive(self: Any) -> None:
        pass

    replaced(ConsumerThread, "keep_alive", keep_alive)
    short_poll()


def short_poll() -> None:
    """Change only the interval: what ``no_keep_alive`` is compared with."""

    def settings(given: Any) -> Any:
        return stock(given) | {"broker_max_poll_interval": MAX_POLL_SECONDS}

    stock = replaced(app, "_faust_settings", settings)


def unbounded_release() -> None:
    """Wait without end for what is under way when partitions go."""

    async def wait(self: Any, what: str, work: Any) -> None:
        await work

    replaced(Release, "_bounded", wait)


def live_set() -> None:
    """Fetch from the live set of partitions, whether or not their agents have room."""

    async def fetch(self: Any, partitions: Any, assignment: int, timeout: float) -> Any:
        return await stock(self, self.consumer._active_partitions, assignment, timeout)

    stock = replaced(ConsumerThread, "fetch", fetch)


def any_assignment() -> None:
    """Fetch as stock does: wait across a rebalance, and take what comes then; here it waits for any rebalance."""

    async def fetch(self: Any, consumer: Any, partitions: Any, assignment: int, timeout: float) -> Any:
        fetcher, deadline = consumer._fetcher, monotonic() + REBALANCE_SECONDS
        with fetcher._subscriptions.fetch_context():
            while True:
                records = await self._take(consumer, partitions, assignment)
                left = deadline - monotonic()
                if records or left <= 0:
                    return records
                await self._arrival(fetcher, left)

    replaced(ConsumerThread, "_fetch", fetch)


def forget_acknowledged() -> None:
    """Let partitions go without what was acknowledged since the last commit."""

    async def release(self: Any) -> None:
        self.commits.clear()
        await stock(self)

    stock = replaced(Consumer, "_release", release)


def acknowledge_failed() -> None:
    """Acknowledge a record whose handling has raised, as stock does, and go on; the defect is put in, too."""

    def consume(self: Any, topic: str, handle: Any, **named: Any) -> None:
        def handled(message: Any) -> None:
            try:
                handle(message)
            except Exception:
                self.acknowledge(message)

        stock(self, topic, handled, **named)

    faulty_handle()
    stock = replaced(Engine, "consume", consume)


def read_uncommitted() -> None:
    """Read records of transactions that are open or aborted."""

    def create(self: Any, transport: Any) -> Any:
        consumer = stock(self, transport)
        consumer._isolation_level = "read_uncommitted"
        return consumer

    stock = replaced(ConsumerThread, "_create_worker_consumer", create)
