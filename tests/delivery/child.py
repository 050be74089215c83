"""A process that delivers one destination as a worker does, until it is killed: ``python -m tests.delivery.child``."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

import msgspec
import uvloop

from streams.brokers import Brokers
from streams.delivery.bounds import Shared
from streams.delivery.deliveries import Deliveries
from streams.delivery.member import Connection
from streams.delivery.retries import pause
from streams.delivery.tools import Attempt
from streams.destinations import Account, Delivery, Destination, Header
from streams.endpoints.egress import Egress
from streams.endpoints.endpoint import reach
from streams.groups.journal import Journal
from tests.deliverables import RecordingTelemetry

WORKER_HEADER = "x-worker"
SESSION_SECONDS = 6.0


class Job(msgspec.Struct):
    """Who delivers what, where to, and within which bounds."""

    name: str
    bootstrap: str
    app: str
    url: str
    delivery: dict[str, Any]


async def deliver(job: Job) -> None:
    """Deliver for ever."""
    header = Header(WORKER_HEADER, job.name)
    destination = Destination("crm", Account(job.url), headers=(header,), delivery=Delivery(**job.delivery))
    journal = Journal(Brokers((job.bootstrap,)), f"{job.app}.destinations")
    await journal.start()
    egress = Egress([ip_network("127.0.0.0/8")])

    @asynccontextmanager
    async def reached(destination: Destination, lease: Callable[[], float], _: object) -> AsyncIterator[Attempt]:
        async with reach(destination, egress, now=time.time, monotonic=time.monotonic, lease=lease) as endpoint:
            yield endpoint.post

    deliveries = Deliveries(
        [destination],
        connection=Connection(
            app=job.app,
            brokers=Brokers((job.bootstrap,)),
            journal=journal,
            session_timeout_seconds=SESSION_SECONDS,
            commit_interval_seconds=0.5,
        ),
        reach=reached,
        telemetry=lambda _: RecordingTelemetry(),
        pause=pause,
        shared=Shared(),
        now=time.monotonic,
        random=random.random,
        wall=time.time,
    )
    await deliveries.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(deliver(msgspec.json.decode(sys.argv[1], type=Job)))
