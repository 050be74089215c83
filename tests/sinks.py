"""An HTTP endpoint in the test's own process that shows how many requests are open, and exports to send it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from aiohttp import web
from aiokafka import AIOKafkaProducer

from streams.delivery.tools import Attempt
from streams.destinations import Destination
from streams.endpoints.egress import Egress
from streams.endpoints.endpoint import Endpoint
from tests.deliverables import export_headers

Key = str


@dataclass
class Sink:
    """What arrived, in order, and how to answer."""

    url: str = ""
    seconds: float = 0.0
    statuses: dict[Key, int] = field(default_factory=dict)
    hung: dict[Key, asyncio.Event] = field(default_factory=dict)
    arrived: list[tuple[Key, int]] = field(default_factory=list)
    ids: Counter[str] = field(default_factory=Counter)
    requests: list[tuple[str, Key, int]] = field(default_factory=list)
    """Each as it came, answered or not: the worker that names itself, the profile and the number."""
    open: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        key = body["k"]
        self.requests.append((request.headers.get("x-worker", ""), key, body["n"]))
        self.open += 1
        try:
            if key in self.hung:
                await self.hung[key].wait()
            if self.seconds:
                await asyncio.sleep(self.seconds)
        finally:
            self.open -= 1
        status = self.statuses.get(key, 204)
        if status < 300:
            self.arrived.append((key, body["n"]))
            self.ids[request.headers["Idempotency-Key"]] += 1
        return web.Response(status=status)

    @property
    def repeated(self) -> int:
        """How many requests were one too many."""
        return self.ids.total() - len(self.ids)

    @property
    def disorder(self) -> int:
        """How many arrivals had a later one of their profile before them."""
        last: dict[Key, int] = defaultdict(lambda: -1)
        wrong = 0
        for key, number in self.arrived:
            wrong += number < last[key]
            last[key] = max(number, last[key])
        return wrong


@asynccontextmanager
async def a_sink() -> AsyncIterator[Sink]:
    """Lend a listening sink."""
    sink = Sink()
    app = web.Application()
    app.router.add_post("/", sink.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    sink.url = f"http://{host}:{port}/"
    try:
        yield sink
    finally:
        for event in sink.hung.values():
            event.set()
        await runner.cleanup()


@asynccontextmanager
async def loopback(destination: Destination, lease: Callable[[], float] | None = None) -> AsyncIterator[Attempt]:
    """Open the way to a destination on this machine."""
    endpoint = Endpoint(destination, Egress([ip_network("127.0.0.0/8")]), None, now=lambda: 0.0, lease=lease)
    await endpoint.start()
    try:
        yield endpoint.post
    finally:
        await endpoint.close()


class Feed:
    """Writes exports as activation does: in order, each with its id and meta."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap, self._topic = bootstrap, topic
        self.sent = 0
        self.meta: dict[str, Any] = {}
        """What the exports say from now on beside their revision: ``version``, ``trigger``."""

    async def send(self, keys: Iterable[Key], *, per_second: float | None = None) -> None:
        """Send one export per key; numbers ascend over all that this feed sends."""
        async with AIOKafkaProducer(bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True) as producer:
            for key in keys:
                self.sent += 1
                body = json.dumps({"k": key, "n": self.sent}).encode()
                headers = export_headers(f"id-{self.sent}", self.sent, **self.meta)
                await producer.send(self._topic, body, key.encode(), headers=headers)
                if per_second:
                    await asyncio.sleep(1 / per_second)
