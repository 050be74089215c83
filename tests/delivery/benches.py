"""A destination on a real Kafka: its topic, its journal, its sink and its feed, and deliveries of it."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from streams.delivery.bitmaps import decode
from streams.delivery.confirmed import new_dead_letters
from streams.delivery.dead_letters import Failure, NotParkedError
from streams.delivery.member import Connection
from streams.delivery.pending import Record
from streams.delivery.service import Delivery
from streams.destinations import Destination
from streams.exports import delivery_group, exports_topic
from streams.groups.journal import Journal
from tests.brokers.children import spawn
from tests.brokers.client import Client
from tests.brokers.processes import freeze
from tests.deliverables import RecordingTelemetry, a_destination, the_tools
from tests.delivery.child import Job
from tests.groups.members import following
from tests.reaching import brokers_of
from tests.sinks import Feed, Sink, a_sink, loopback
from tests.waiting import until


@dataclass
class Bench:
    """Deliveries are started here and always stopped."""

    app: str
    client: Client
    sink: Sink
    stack: AsyncExitStack
    destination: Destination
    feed: Feed
    journal: Journal
    unconfirmed: int = 0
    """Dead letters that the broker did not take."""

    @property
    def topic(self) -> str:
        return exports_topic(self.app, self.destination.incarnation)

    @property
    def group(self) -> str:
        return delivery_group(self.app, self.destination.incarnation)

    @property
    def connection(self) -> Connection:
        return Connection(
            app=self.app,
            brokers=brokers_of(self.client),
            journal=self.journal,
            session_timeout_seconds=10.0,
            commit_interval_seconds=0.2,
        )

    async def deliver(
        self, telemetry: RecordingTelemetry | None = None, connection: Connection | None = None
    ) -> Delivery:
        """Start one more member of the destination's group, as another worker would."""
        lease = self.connection.lease()
        attempt = await self.stack.enter_async_context(loopback(self.destination, lambda: lease.left))
        letters = new_dead_letters(self.connection)
        self.stack.push_async_callback(letters.close)

        async def park(record: Record, failure: Failure) -> None:
            try:
                await letters.park(record, failure, lease.check)
            except NotParkedError:
                self.unconfirmed += 1
                raise

        tools = the_tools(attempt, park=park, telemetry=telemetry, destination=self.destination, lease=lease)
        delivery = Delivery(tools, connection or self.connection)
        self.stack.push_async_callback(delivery.stop)
        await delivery.start()
        return delivery

    @asynccontextmanager
    async def child(self, log: Path, name: str, **delivery: Any) -> AsyncIterator[subprocess.Popen[bytes]]:
        """Run a process of its own that delivers, as a worker does; it is killed at the end."""
        job = Job(name, self.client.bootstrap, self.app, self.sink.url, delivery)
        command = [sys.executable, "-m", "tests.delivery.child", msgspec.json.encode(job).decode()]
        process = spawn(command, log=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()
            await asyncio.to_thread(process.wait)

    async def committed(self) -> int:
        offsets = await self.client.committed(self.group, self.topic)
        return sum(offsets.values())

    async def finished(self) -> int:
        """Return how many exports have ended, as the commits say: below the offsets and above them."""
        async with self.client.admin() as admin:
            found = await admin.list_consumer_group_offsets(self.group)
        count = 0
        for commit in found.values():
            above = decode(commit.metadata, commit.offset) if commit.metadata else None
            count += commit.offset
            count += sum(byte.bit_count() for byte in above.bits) if above else 0
        return count

    async def has_arrived(self, count: int, seconds: float = 60.0) -> None:
        await until(lambda: len(self.sink.ids) >= count, seconds=seconds, what=f"{count} arrivals")


@asynccontextmanager
async def a_bench(client: Client, app: str, *, partitions: int = 4, **delivery: Any) -> AsyncIterator[Bench]:
    documents = await client.create_topic(f"{app}.destinations", 1, cleanup_policy="compact")
    async with a_sink() as sink, following(brokers_of(client), documents) as journal, AsyncExitStack() as stack:
        destination = a_destination(url=sink.url, **{"timeout_seconds": 30.0, **delivery})
        topic = exports_topic(app, destination.incarnation)
        await client.create_topic(topic, partitions)
        yield Bench(app, client, sink, stack, destination, Feed(client.bootstrap, topic), journal)


def without_journal(connection: Connection) -> Connection:
    """Return a connection that remembers no births."""
    return replace(connection, journal=None)


def suspended(process: subprocess.Popen[bytes]) -> None:
    """Freeze a process, as a machine that is out of memory, or a debugger, does."""
    freeze(process.pid)
