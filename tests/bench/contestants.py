"""What is measured: each consumes the same exports, posts them to the same endpoint, and tells its own CPU time.

``python -m tests.bench.contestants`` reads a JSON job from standard input and prints a JSON result.
"""

from __future__ import annotations

import asyncio
import cProfile
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import aiohttp
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer

from streams.brokers import Brokers
from streams.delivery.bounds import Shared
from streams.delivery.member import Connection
from streams.delivery.service import Delivery
from streams.delivery.states import State
from streams.delivery.tools import Attempt, Tools
from streams.delivery.tools import Telemetry as DeliveryTelemetry
from streams.destinations import Account, Destination, Retry
from streams.endpoints.egress import Egress
from streams.endpoints.endpoint import Endpoint
from streams.exports import Export, delivery_group, exports_topic
from streams.groups.lease import Lease
from streams.outcomes import Delivered, Outcome, Retryable
from streams.telemetry.telemetry import Telemetry
from tests.deliverables import Parked, Questions, always

IN_FLIGHT = 64
HELD = 5_000
"""Unfinished exports in memory, as in a delivery."""
LOOK_SECONDS = 0.02


class Job(msgspec.Struct):
    """What to consume, how much of it, where to post it; *profile* names a file for cProfile's figures."""

    contestant: str
    bootstrap: str
    app: str
    url: str
    exports: int
    loop: str
    profile: str | None = None

    @property
    def destination(self) -> Destination:
        """The destination that the exports were written for."""
        return Destination(name="bench", account=Account(self.url))

    @property
    def topic(self) -> str:
        """Where the exports are."""
        return exports_topic(self.app, self.destination.incarnation)

    @property
    def group(self) -> str:
        """The group of whoever delivers them."""
        return delivery_group(self.app, self.destination.incarnation)


class Result(msgspec.Struct):
    """What it took."""

    cpu_us_per_export: float
    exports_per_second: float


def a_session() -> aiohttp.ClientSession:
    """Return the session that a hand-written loop would use."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=2), auto_decompress=False
    )


class Bare:
    """The yardstick, as written by hand: a lane per key, 64 requests in flight, one commit at the end."""

    def __init__(self, job: Job, session: aiohttp.ClientSession) -> None:
        self._url, self._session = job.url, session
        self._lanes: dict[bytes, deque[Any]] = {}
        self._slots = asyncio.Semaphore(IN_FLIGHT)
        self._tasks: set[asyncio.Task[None]] = set()
        self.ended = self.held = 0
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
            self.ended += 1
            self.held -= 1
        del self._lanes[key]


async def bare(job: Job) -> None:
    """Deliver all exports by the yardstick."""
    consumer = AIOKafkaConsumer(
        job.topic,
        bootstrap_servers=job.bootstrap,
        group_id=job.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    async with a_session() as session, consumer:
        loop = Bare(job, session)
        while loop.ended < job.exports:
            if loop.failure:
                raise loop.failure
            while loop.held > HELD - 500:  # noqa: ASYNC110 - as anyone would write it
                await asyncio.sleep(0.002)
            for records in (await consumer.getmany(timeout_ms=200, max_records=500)).values():
                for record in records:
                    loop.accept(record)
        await consumer.commit()


@asynccontextmanager
async def plain_post(job: Job) -> AsyncIterator[Attempt]:
    """Post as the yardstick does, so that what differs is the delivery alone."""
    async with a_session() as session:

        async def attempt(export: Export) -> Outcome:
            async with session.post(job.url, data=export.body, headers={"Idempotency-Key": export.id}) as answer:
                await answer.read()
                return Delivered(answer.status) if answer.status < 300 else Retryable("status", answer.status)

        yield attempt


@asynccontextmanager
async def our_endpoint(job: Job, lease: Lease) -> AsyncIterator[Attempt]:
    """Post as the worker does."""
    egress = Egress([ip_network("127.0.0.0/8")])
    endpoint = Endpoint(job.destination, egress, None, now=time.time, lease=lambda: lease.left)
    await endpoint.start()
    try:
        yield endpoint.post
    finally:
        await endpoint.close()


class Quiet:
    """A telemetry that tells nobody."""

    def fetched(self, count: int) -> None:
        """Say nothing."""

    def attempted(self, outcome: Outcome, seconds: float) -> None:
        """Say nothing."""

    def batched(self, count: int) -> None:
        """Say nothing."""

    def halved(self) -> None:
        """Say nothing."""

    def ended(self, export: Export, end: object, **facts: object) -> None:
        """Say nothing."""

    def observe(self, **gauges: object) -> None:
        """Say nothing."""

    def state(self, name: str, reason: str, details: str) -> None:
        """Say nothing."""

    def lapsed(self) -> None:
        """Say nothing."""


class NoLog:
    """Takes lines and writes none."""

    def info(self, event: str, **fields: object) -> None:
        """Write nothing."""

    def warning(self, event: str, **fields: object) -> None:
        """Write nothing."""


def connection(job: Job) -> Connection:
    """Return how a delivery reaches the broker."""
    return Connection(app=job.app, brokers=Brokers((job.bootstrap,)))


async def deliver(job: Job, attempt: Attempt, telemetry: DeliveryTelemetry, lease: Lease) -> None:
    """Deliver all exports by a Delivery."""
    tools = Tools(
        destination=job.destination,
        attempt=attempt,
        park=Parked(),
        ask=Questions(),
        pause=pause,
        telemetry=telemetry,
        shared=Shared(),
        state=State(telemetry.state, job.destination),
        lease=lease,
        now=time.monotonic,
        random=lambda: 0.5,
        wall=time.time,
        is_current=always,
    )
    delivery = Delivery(tools, connection(job))
    await delivery.start()
    while tools.books.ended < job.exports:  # noqa: ASYNC110 - what is measured has no event to spare for this
        await asyncio.sleep(LOOK_SECONDS)
    await delivery.stop()


def pause(attempts: int, outcome: Outcome, retry: Retry, dice: Callable[[], float]) -> float:
    """Try again after the first wait."""
    return retry.first_seconds


async def loop_alone(job: Job) -> None:
    """Deliver with the yardstick's post and no telemetry."""
    async with plain_post(job) as attempt:
        await deliver(job, attempt, Quiet(), connection(job).lease())


async def whole_delivery(job: Job) -> None:
    """Deliver with the worker's endpoint and telemetry; delivered exports write no line."""
    telemetry = Telemetry(time.time, log=NoLog(), log_delivered=False).delivery(job.destination)
    lease = connection(job).lease()
    async with our_endpoint(job, lease) as attempt:
        await deliver(job, attempt, telemetry, lease)


CONTESTANTS: dict[str, Callable[[Job], Awaitable[None]]] = {
    "bare": bare,
    "loop": loop_alone,
    "delivery": whole_delivery,
}


async def measured(job: Job) -> Result:
    """Run a job and return what it took, joining and committing included."""
    cpu, wall = time.process_time(), time.monotonic()
    await CONTESTANTS[job.contestant](job)
    took = time.monotonic() - wall
    return Result((time.process_time() - cpu) * 1e6 / job.exports, job.exports / took)


def main() -> None:
    """Run the job on standard input."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    profile = cProfile.Profile() if job.profile else None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if job.loop == "uvloop" else None) as runner:
        if profile:
            profile.enable()
        result = runner.run(measured(job))
    if profile and job.profile:
        profile.disable()
        profile.dump_stats(job.profile)
    sys.stdout.buffer.write(msgspec.json.encode(result))


if __name__ == "__main__":
    main()
