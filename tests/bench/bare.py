"""The yardstick, as one would write it by hand: aiokafka, a lane per key, 64 posts of aiohttp in flight, commits.

``python -m tests.bench.bare BOOTSTRAP TOPIC URL`` says that it is ready, then delivers until it is ended.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener

IN_FLIGHT = 64
HELD = 5_000
"""Unfinished exports in memory, as in a delivery."""
AT_ONCE = 500
COMMIT_SECONDS = 1.0
TIMEOUT_SECONDS = 10


class Bare:
    """Lanes, and the posts that are under way."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session
        self._lanes: dict[bytes, deque[Any]] = {}
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._tasks: set[asyncio.Task[None]] = set()
        self.held = 0
        self.failure: BaseException | None = None

    def accept(self, record: Any) -> None:
        """Put a record into its lane."""
        self.held += 1
        lane = self._lanes.get(record.key)
        if lane is not None:
            lane.append(record)
            return
        self._lanes[record.key] = deque([record])
        task = asyncio.create_task(self._run(record.key))
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.failure = self.failure or task.exception()

    async def _run(self, key: bytes) -> None:
        lane = self._lanes[key]
        while lane:
            record = lane[0]
            headers = {"Idempotency-Key": record.headers[0][1].decode()}
            async with self._slots, self._session.post(self._url, data=record.value, headers=headers) as answer:
                await answer.read()
                assert answer.status < 300
            lane.popleft()
            self.held -= 1
        del self._lanes[key]


class Assigned(ConsumerRebalanceListener):  # type: ignore[misc]  # it is untyped
    """Says on standard output that the partitions are there."""

    def on_partitions_revoked(self, revoked: object) -> None:
        """Nobody else joins."""

    def on_partitions_assigned(self, assigned: object) -> None:
        """Say so."""
        print("ready", flush=True)


async def deliver(bootstrap: str, topic: str, url: str) -> None:
    """Deliver until ended; what is not delivered when it commits is delivered again by the next one."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=f"{topic}-bare", enable_auto_commit=False, auto_offset_reset="earliest"
    )
    consumer.subscribe([topic], listener=Assigned())
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    connector = aiohttp.TCPConnector(limit=0)
    loop, committed_at = asyncio.get_running_loop(), 0.0
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as session,
        consumer,
    ):
        bare = Bare(url, session)
        while bare.failure is None:
            while bare.held > HELD - AT_ONCE:  # noqa: ASYNC110 - as anyone would write it
                await asyncio.sleep(0.002)
            for records in (await consumer.getmany(timeout_ms=200, max_records=AT_ONCE)).values():
                for record in records:
                    bare.accept(record)
            if bare.held == 0 and loop.time() - committed_at > COMMIT_SECONDS:
                committed_at = loop.time()
                await consumer.commit()
        raise bare.failure


if __name__ == "__main__":
    asyncio.run(deliver(*sys.argv[1:]))
