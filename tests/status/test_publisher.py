from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from structlog.testing import capture_logs

from streams.status.offsets import looking
from streams.status.publisher import Producer, Publisher
from streams.status.reader import abandoned, latest, read
from streams.status.shapes import Report, encode, key_of
from tests.brokers.client import Client
from tests.reaching import brokers_of
from tests.status.reports import NOW, a_destination, a_worker
from tests.waiting import until

WORKER, CRM = a_worker("me"), a_destination("me")


class Batch:
    def __init__(self) -> None:
        self.rows: list[tuple[bytes, bytes | None]] = []

    def append(self, *, key: bytes, value: bytes | None, timestamp: float | None) -> object | None:
        if len(self.rows) == 2:
            return None
        self.rows.append((key, value))
        return object()


@dataclass
class Topic:
    """A topic that confirms at once, or breaks, or hangs."""

    rows: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    broken: Exception | None = None
    hangs: bool = False
    starts: int = 0
    sends: int = 0

    async def start(self) -> None:
        self.starts += 1

    async def stop(self) -> None:
        """Disconnect."""

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Awaitable[Any]:
        self.sends += 1
        if self.broken is not None:
            raise self.broken
        if self.hangs:
            await asyncio.Event().wait()
        self.rows += batch.rows
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    @property
    def standing(self) -> dict[bytes, Report]:
        return latest(self.rows)


@dataclass
class Reports:
    told: list[Report] = field(default_factory=lambda: [WORKER, CRM])
    change: int = 0

    def signature(self) -> Hashable:
        return self.change

    def reports(self) -> list[Report]:
        return self.told


async def none() -> list[bytes]:
    return []


@asynccontextmanager
async def publishing(
    new_producer: Callable[[], Producer],
    reports: Reports,
    *,
    topic: str = "status",
    abandoned: Callable[[], Awaitable[Collection[bytes]]] = none,
    interval: float = 3600.0,
    look: float = 0.01,
    farewell: float = 2.0,
) -> AsyncIterator[Publisher]:
    clock = asyncio.get_running_loop().time
    publisher = Publisher(
        topic,
        reports,
        new_producer,
        abandoned=abandoned,
        interval_seconds=interval,
        now=clock,
        look_seconds=look,
        farewell_seconds=farewell,
    )
    async with publisher:
        yield publisher


async def test_reports_are_written_at_the_start_and_taken_away_at_a_clean_stop() -> None:
    topic, reports = Topic(), Reports([WORKER, CRM, a_destination("me", "partner")])
    async with publishing(lambda: topic, reports):
        await until(lambda: len(topic.standing) == 3)

    assert topic.standing == {}
    assert topic.rows[-1][1] is None


async def test_a_change_is_written_before_the_interval_is_over_and_a_report_that_is_gone_taken_away() -> None:
    topic, reports = Topic(), Reports()
    async with publishing(lambda: topic, reports):
        await until(lambda: len(topic.standing) == 2)
        reports.told, reports.change = [a_worker("me", ready=False)], 1
        await until(lambda: len(topic.standing) == 1)

        assert topic.standing == {key_of(WORKER): a_worker("me", ready=False)}


async def test_what_workers_left_that_are_gone_is_taken_away() -> None:
    topic = Topic(rows=[(b"worker/dead", b"{}")])

    async def gone() -> list[bytes]:
        return [b"worker/dead"]

    async with publishing(lambda: topic, Reports(), abandoned=gone):
        await until(lambda: (b"worker/dead", None) in topic.rows)


async def test_a_topic_that_breaks_is_told_once_and_published_to_when_it_is_back() -> None:
    topic = Topic(broken=OSError("away"))
    with capture_logs() as lines:
        async with publishing(lambda: topic, Reports(), interval=0.01) as publisher:
            await until(lambda: topic.sends >= 5)
            topic.broken = None
            await until(lambda: len(topic.standing) == 2)
            assert not publisher.crashed
    assert [line["event"] for line in lines] == ["status.unpublished"]


async def test_a_topic_that_hangs_holds_up_neither_start_nor_stop() -> None:
    topic = Topic(hangs=True)
    async with asyncio.timeout(90):
        async with publishing(lambda: topic, Reports(), farewell=0.1):
            await until(lambda: topic.sends == 1)


@pytest.mark.kafka
async def test_what_is_published_is_what_is_read_on_a_real_broker(client: Client, unique: str) -> None:
    topic = await client.create_topic(f"{unique}.status", 1, cleanup_policy="compact")
    reports = Reports([WORKER, *(a_destination("me", f"d{number}") for number in range(100))])

    async def standing() -> dict[bytes, Report]:
        async with looking(brokers_of(client)) as offsets:
            return await read(offsets, topic)

    def new_producer() -> Producer:
        producer: Producer = AIOKafkaProducer(bootstrap_servers=client.bootstrap, acks=1)
        return producer

    async with publishing(new_producer, reports, topic=topic):
        await until(lambda: _is(standing, {key_of(each): each for each in reports.told}), 20)
    assert await standing() == {}


async def _is(ask: Callable[[], Awaitable[object]], expected: object) -> bool:
    return await ask() == expected


@pytest.mark.kafka
async def test_the_abandoned_are_those_silent_for_a_day_replaced_or_half_taken_away(
    client: Client, unique: str
) -> None:
    topic = await client.create_topic(f"{unique}.status", 1, cleanup_policy="compact")
    workers = [
        a_worker("me", host="h", health="http://x:1"),
        a_worker("neighbour", host="h", health="http://x:2"),
        a_worker("killed", host="h", health="http://x:1"),
        a_worker("silent", host="k", written_at=NOW - 2 * 24 * 60 * 60 * 1000),
    ]
    reports: list[Report] = [*workers, *(a_destination(each.id) for each in workers), a_destination("half")]
    await client.produce(topic, [(key_of(each), encode(each)) for each in reports])
    gone = await abandoned(brokers_of(client), topic, me="me", host="h", health="http://x:1", now_ms=NOW)

    assert sorted(gone) == [
        b"destination/half/crm",
        b"destination/killed/crm",
        b"destination/silent/crm",
        b"worker/killed",
        b"worker/silent",
    ]


async def test_a_change_that_is_told_is_published_without_waiting_for_the_next_look() -> None:
    topic, reports = Topic(), Reports()
    async with publishing(lambda: topic, reports, look=3600.0) as publisher:
        await until(lambda: topic.sends == 1)
        reports.change += 1
        publisher.soon()
        await until(lambda: topic.sends == 2)
