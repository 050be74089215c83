"""A destination that is changed while it is delivered: on a real Kafka, to endpoints on this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from streams.delivery.deliveries import Deliveries
from streams.delivery.member import Connection
from streams.delivery.storms import LIMIT
from streams.delivery.tools import Attempt
from streams.delivery.ways import Reach
from streams.destinations import Account, Destination, Pause, Retry
from streams.ends import ExportEnd
from streams.exports import dead_letters_topic, delivery_group, exports_topic
from streams.profile_commands import ReExport, commands_topic, decode_command
from tests.brokers.client import Client
from tests.deliverables import a_destination
from tests.delivery.test_deliveries import Telemetries, the_deliveries
from tests.groups.members import following
from tests.reaching import brokers_of
from tests.sinks import Feed, Sink, a_sink, loopback
from tests.waiting import until

pytestmark = pytest.mark.kafka

PARTITIONS = 4
KEYS = [f"p{number}" for number in range(40)]


@asynccontextmanager
async def on_this_machine(destination: Destination, lease: Callable[[], float], _: object) -> AsyncIterator[Attempt]:
    async with loopback(destination, lease) as attempt:
        yield attempt


@dataclass
class Bench:
    """An app on a real Kafka: each destination has a topic, a feed and as many workers as are started."""

    app: str
    client: Client
    connection: Connection
    stack: AsyncExitStack
    old: Sink
    new: Sink
    telemetries: Telemetries = field(default_factory=Telemetries)
    forgotten: list[Destination] = field(default_factory=list)

    async def topic(self, destination: Destination) -> Feed:
        topic = await self.client.create_topic(exports_topic(self.app, destination.incarnation), PARTITIONS)
        return Feed(self.client.bootstrap, topic)

    async def work(self, *destinations: Destination, reach: Reach = on_this_machine, **options: Any) -> Deliveries:
        """Start one more worker."""
        given = self.connection, list(destinations), self.telemetries, reach
        deliveries = the_deliveries(*given, forgotten=self.forgotten.append, **options)
        self.stack.push_async_callback(deliveries.stop)
        await deliveries.start()
        return deliveries

    async def committed(self, destination: Destination) -> int:
        incarnation = destination.incarnation
        group, topic = delivery_group(self.app, incarnation), exports_topic(self.app, incarnation)
        return sum((await self.client.committed(group, topic)).values())

    async def is_told(self, state: str, reason: str) -> None:
        await until(lambda: (state, reason) in self.telemetries["crm"].states, seconds=30, what=f"{state} {reason}")

    async def commands(self) -> list[tuple[str, ReExport]]:
        records = await self.client.read(commands_topic(self.app))
        commands = [((record.key or b"").decode(), decode_command(record.value or b"")) for record in records]
        return [(key, command) for key, command in commands if isinstance(command, ReExport)]

    async def has_arrived(self, count: int) -> None:
        await until(lambda: self.arrived >= count, seconds=60, what=f"{count} arrivals")

    @property
    def arrived(self) -> int:
        return len(self.old.arrived) + len(self.new.arrived)

    @property
    def repeated(self) -> int:
        return (self.old.ids + self.new.ids).total() - len(self.old.ids.keys() | self.new.ids.keys())

    @property
    def disorder(self) -> int:
        """How many arrivals had a later one of their profile before them, first at the old endpoint, then the new."""
        return Sink(arrived=[*self.old.arrived, *self.new.arrived]).disorder


@asynccontextmanager
async def a_bench(client: Client, app: str) -> AsyncIterator[Bench]:
    documents = await client.create_topic(f"{app}.destinations", 1, cleanup_policy="compact")
    await client.create_topic(commands_topic(app), PARTITIONS)
    async with (
        a_sink() as old,
        a_sink() as new,
        following(brokers_of(client), documents) as journal,
        AsyncExitStack() as stack,
    ):
        connection = Connection(
            app=app,
            brokers=brokers_of(client),
            journal=journal,
            session_timeout_seconds=10.0,
            commit_interval_seconds=0.2,
        )
        yield Bench(app, client, connection, stack, old, new)


def at(sink: Sink, destination: Destination, **changes: Any) -> Destination:
    """Return the next version of a destination, with its endpoint at *sink*."""
    return replace(destination, account=Account(sink.url), version=destination.version + 1, **changes)


@asynccontextmanager
async def under_load(feed: Feed, keys: list[str] | None = None, per_second: float = 400) -> AsyncIterator[None]:
    """Feed until the end, in rounds over all keys."""
    over = asyncio.Event()

    async def load() -> None:
        while not over.is_set():
            await feed.send(keys or KEYS, per_second=per_second)

    task = asyncio.create_task(load())
    try:
        yield
    finally:
        over.set()
        await task


PAUSE = Pause(by="ada@host", why="their maintenance", at=1)
LINEAGE = "C2 <- person, in labels customer-data"
HELD = pytest.mark.parametrize(
    ("held", "state", "details"),
    [
        ({"version": 2, "pause": PAUSE}, ("paused", "operator"), "by ada@host: their maintenance"),
        ({"forbidden": LINEAGE}, ("forbidden", "policy"), LINEAGE),
    ],
    ids=["paused", "forbidden"],
)


async def test_an_endpoint_that_is_changed_under_load_gets_nothing_more_and_the_new_one_all(
    client: Client, unique: str
) -> None:
    async with a_bench(client, unique) as bench:
        crm = a_destination(url=bench.old.url)
        bench.old.seconds = bench.new.seconds = 0.05
        feed = await bench.topic(crm)
        deliveries = await bench.work(crm)
        async with under_load(feed):
            await bench.has_arrived(300)
            await until(lambda: bench.old.open > 0, what="requests under way")
            began = time.monotonic()
            assert await deliveries.follow([at(bench.new, crm)]) == {}
            seconds = time.monotonic() - began
            told = len(bench.old.requests)
            assert bench.old.open == 0
            assert deliveries.followed == {"crm.1": 2}
            await until(lambda: len(bench.new.arrived) >= 300, seconds=30, what="arrivals at the new endpoint")
        await bench.has_arrived(feed.sent)
        await deliveries.stop()
        print(f"in force after {seconds:.3f} s, {told} requests at the old one, {feed.sent - told} at the new one")

        assert len(bench.old.requests) == told
        assert (bench.repeated, bench.disorder) == (0, 0)
        assert await bench.committed(crm) == feed.sent


async def test_a_change_is_in_force_while_the_old_endpoint_refuses_all_and_is_at_fault(
    client: Client, unique: str
) -> None:
    async with a_bench(client, unique) as bench:
        crm = a_destination(url=bench.old.url)
        bench.old.statuses = dict.fromkeys(KEYS[:20], 503) | dict.fromkeys(KEYS[20:], 401)
        feed = await bench.topic(crm)
        await feed.send(KEYS * 5)
        deliveries = await bench.work(crm)
        await bench.is_told("faulted", "unauthorized")
        await deliveries.follow([at(bench.new, crm)])
        told = len(bench.old.requests)
        await bench.has_arrived(feed.sent)
        await deliveries.stop()

        assert len(bench.old.requests) == told
        assert (len(bench.new.arrived), bench.repeated, bench.disorder) == (feed.sent, 0, 0)
        assert bench.telemetries["crm"].states[-1] == ("activated", "")


async def test_an_operator_lets_the_refused_exports_end_that_wait_and_the_others_are_delivered(
    client: Client, unique: str
) -> None:
    async with a_bench(client, unique) as bench:
        crm = a_destination(url=bench.old.url, retry=Retry(first_seconds=0.01, cap_seconds=0.01))
        bench.old.statuses = dict.fromkeys(KEYS, 400)
        await client.create_topic(dead_letters_topic(unique), PARTITIONS)
        feed = await bench.topic(crm)
        deliveries = await bench.work(crm)
        await feed.send(KEYS)
        await bench.is_told("faulted", "storm")
        telemetry = bench.telemetries["crm"]
        await until(lambda: len(bench.old.requests) >= 3 * len(KEYS), seconds=30, what="a refusal of each")
        assert telemetry.counts[ExportEnd.DEAD_LETTERED] < LIMIT

        assert await deliveries.follow([replace(crm, version=2, refusals_accepted_at=1)]) == {}
        requests = len(bench.old.requests)
        await feed.send(["well"])
        await until(lambda: telemetry.counts.total() == len(KEYS) + 1, seconds=30, what="all ends")
        assert telemetry.counts == {ExportEnd.DEAD_LETTERED: len(KEYS), ExportEnd.DELIVERED: 1}
        assert telemetry.states[-1] == ("activated", "")
        assert len(bench.old.requests) == requests + 1, "what was accepted is not asked for again"


@HELD
async def test_a_held_destination_gets_nothing_stays_in_its_group_and_goes_on_when_it_may(
    client: Client, unique: str, held: Any, state: tuple[str, str], details: str
) -> None:
    async with a_bench(client, unique) as bench:
        crm, other = a_destination(url=bench.old.url), a_destination("other", url=bench.new.url)
        bench.old.seconds = 0.02
        feed, others = await bench.topic(crm), await bench.topic(other)
        deliveries = await bench.work(crm, other)
        async with under_load(feed), under_load(others, per_second=50):
            await until(lambda: len(bench.old.arrived) >= 100, seconds=30, what="the first arrivals")
            (before,) = [each for each in deliveries.live if each.destination.name == "crm"]
            await until(lambda: bench.old.open > 0, what="requests under way")
            await deliveries.follow([replace(crm, **held), other])
            held_at, others_at = len(bench.old.requests), len(bench.new.arrived)
            assert bench.old.open == 0
            polled = before.polled_at or 0.0
            await until(lambda: (before.polled_at or 0.0) > polled + 2.0, seconds=10, what="polls that go on")
            assert len(bench.old.requests) == held_at
            assert len(bench.new.arrived) > others_at
            assert (before.pending, before.partitions) == (0, set(range(PARTITIONS)))
            assert bench.telemetries["crm"].states[-1] == state
            assert bench.telemetries["crm"].details[-1] == details
            await deliveries.follow([replace(crm, version=held.get("version", 0) + 1), other])
        await until(lambda: len(bench.old.arrived) == feed.sent, seconds=30, what="all that waited")
        assert [each for each in deliveries.live if each.destination.name == "crm"] == [before]
        await deliveries.stop()

        assert (bench.old.repeated, bench.old.disorder) == (0, 0)
        assert bench.telemetries["crm"].states[-1] == ("activated", "")
        assert await bench.committed(crm) == feed.sent


@HELD
async def test_a_worker_that_starts_with_a_held_destination_joins_and_posts_nothing(
    client: Client, unique: str, held: Any, state: tuple[str, str], details: str
) -> None:
    async with a_bench(client, unique) as bench:
        crm = replace(a_destination(url=bench.old.url), **held)
        feed = await bench.topic(crm)
        await feed.send(KEYS)
        deliveries = await bench.work(crm)
        await until(lambda: deliveries.ready, seconds=30, what="readiness")
        assert (bench.telemetries["crm"].states, bench.telemetries["crm"].details) == ([state], [details])
        assert bench.old.requests == []
        await deliveries.follow([replace(crm, pause=None, forbidden=None)])
        await bench.has_arrived(feed.sent)


async def test_what_was_rendered_before_a_narrowing_is_never_posted_but_asked_for_anew(
    client: Client, unique: str
) -> None:
    async with a_bench(client, unique) as bench:
        crm = a_destination(url=bench.old.url)
        bench.old.statuses = dict.fromkeys(KEYS, 503)  # all wait for their retry
        feed = await bench.topic(crm)
        await feed.send(KEYS * 3)
        feed.meta = {"trigger": "forgotten"}
        await feed.send(KEYS[:3])
        deliveries = await bench.work(crm)
        await until(lambda: len(bench.old.requests) >= 100, seconds=30, what="requests that fail")
        await deliveries.follow([replace(crm, version=2, min_version=2)])
        told = len(bench.old.requests)
        bench.old.statuses = {}
        telemetry = bench.telemetries["crm"]
        await until(lambda: telemetry.counts[ExportEnd.WITHDRAWN] == feed.sent, seconds=30, what="their end")
        feed.meta = {"version": 2, "trigger": "re-export"}
        before = feed.sent
        await feed.send(KEYS)
        await bench.has_arrived(len(KEYS))
        await deliveries.stop()

        posted = [number for _, _, number in bench.old.requests[told:]]
        assert min(posted) > before
        commands = await bench.commands()
        whole = [command for _, command in commands if bytes(command.withdrawal)]
        assert sorted(key for key, command in commands if not bytes(command.withdrawal)) == sorted(KEYS)
        assert {(command.destination, command.version, command.by) for _, command in commands} == {
            ("crm.1", 2, "delivery")
        }
        assert sorted(bytes(command.withdrawal) for command in whole) == sorted(
            f'{{"k": "{key}", "n": {len(KEYS) * 3 + number}}}'.encode() for number, key in enumerate(KEYS[:3], 1)
        )
        assert await bench.committed(crm) == feed.sent


async def test_a_question_that_is_not_confirmed_holds_its_export(client: Client, unique: str) -> None:
    async with a_bench(client, unique) as bench:
        crm = replace(a_destination(url=bench.old.url), version=2, min_version=2)
        connection = replace(bench.connection, app=f"{unique}.other")  # whose commands have no topic yet
        bench.app, bench.connection = connection.app, connection
        feed = await bench.topic(crm)
        await feed.send(["p1"])
        deliveries = await bench.work(crm)
        await until(lambda: any(each.pending for each in deliveries.live), seconds=30, what="the export")
        assert bench.telemetries["crm"].counts[ExportEnd.WITHDRAWN] == 0

        await bench.client.create_topic(commands_topic(bench.app), PARTITIONS)
        await until(lambda: bench.telemetries["crm"].counts[ExportEnd.WITHDRAWN] == 1, seconds=60, what="its end")
        assert [key for key, _ in await bench.commands()] == ["p1"]
        assert bench.old.requests == []


async def test_what_a_later_version_rendered_waits_until_that_is_followed(client: Client, unique: str) -> None:
    async with a_bench(client, unique) as bench:
        crm = a_destination(url=bench.old.url)
        feed = await bench.topic(crm)
        deliveries = await bench.work(crm)
        await feed.send(["p1", "p2"])
        feed.meta = {"version": 2}
        await feed.send(["p1", "p3"])
        feed.meta = {}
        await feed.send(["p1", "p2"])
        await until(lambda: len(bench.old.arrived) == 3, seconds=30, what="what may go")
        (delivery,) = deliveries.live
        await until(lambda: delivery.pending == 3, what="those that wait")
        assert sorted(bench.old.arrived) == [("p1", 1), ("p2", 2), ("p2", 6)]
        await deliveries.follow([at(bench.new, crm)])
        await bench.has_arrived(6)

        assert (len(bench.old.arrived), bench.repeated, bench.disorder) == (3, 0, 0)


async def test_destinations_come_and_go_while_another_is_delivered_undisturbed(client: Client, unique: str) -> None:
    async with a_bench(client, unique) as bench:
        steady, late = a_destination("steady", url=bench.old.url), a_destination("late", url=bench.new.url)
        feed, lates = await bench.topic(steady), await bench.topic(late)
        deliveries = await bench.work(steady)
        async with under_load(feed):
            await until(lambda: len(bench.old.arrived) >= 100, seconds=30, what="the first arrivals")
            (before,) = deliveries.live
            await lates.send(KEYS)
            assert deliveries.ready
            await deliveries.follow([steady, late])
            assert deliveries.ready
            await until(lambda: len(bench.new.arrived) == len(KEYS), seconds=30, what="the added one's exports")
            await deliveries.follow([steady])
            assert deliveries.followed == {"steady.1": 1}
            assert list(deliveries.live) == [before]
            assert bench.forgotten == [late]
            again = replace(late, number=2, version=3)
            reborn = await bench.topic(again)
            await reborn.send(KEYS)
            await deliveries.follow([steady, again])
            await until(
                lambda: len(bench.new.arrived) == 2 * len(KEYS), seconds=30, what="the new incarnation's exports"
            )
        await until(lambda: len(bench.old.arrived) == feed.sent, seconds=30, what="all of the steady one")

        assert (bench.old.repeated, bench.old.disorder) == (0, 0)
        assert bench.telemetries["steady"].states == [("activated", "")]


async def test_two_workers_follow_while_the_group_is_divided_anew(client: Client, unique: str) -> None:
    async with a_bench(client, unique) as bench:
        crm = a_destination(url=bench.old.url)
        bench.old.seconds = bench.new.seconds = 0.02
        bench.new.arrived = bench.old.arrived  # one order over both
        feed = await bench.topic(crm)
        first = await bench.work(crm)
        async with under_load(feed):
            await bench.has_arrived(100)
            second = await bench.work(crm)  # its joining and the changes meet
            version = crm
            for sink in (bench.new, bench.old, bench.new):
                version = at(sink, version)
                await asyncio.gather(*(each.follow([version]) for each in (first, second)))
                former = bench.old if sink is bench.new else bench.new
                told, came = len(former.requests), len(sink.requests)
                await until(lambda: len(sink.requests) > came + 50, seconds=30, what="arrivals")  # noqa: B023
                assert (former.open, len(former.requests)) == (0, told)
            await until(
                lambda: all(sum(len(e.partitions) for e in each.live) == 2 for each in (first, second)), seconds=30
            )
            version = at(bench.old, version)
            await asyncio.gather(*(each.follow([version]) for each in (first, second)))
            told = len(bench.new.requests)
        await until(lambda: len(bench.old.arrived) >= feed.sent, seconds=60, what="all arrivals")
        await first.stop()
        await second.stop()

        assert len(bench.new.requests) == told
        assert (bench.repeated, bench.old.disorder) == (0, 0)
        assert await bench.committed(crm) == feed.sent


async def test_a_crashed_one_is_changed_at_once_and_begins_by_what_is_new(client: Client, unique: str) -> None:
    @asynccontextmanager
    async def reach(destination: Destination, lease: Callable[[], float], _: object) -> AsyncIterator[Attempt]:
        if destination.version == 1:
            raise ValueError("no such endpoint")
        async with loopback(destination, lease) as attempt:
            yield attempt

    async with a_bench(client, unique) as bench:
        crm = a_destination(url=bench.old.url)
        feed = await bench.topic(crm)
        await feed.send(KEYS)
        deliveries = await bench.work(crm, reach=reach)
        await bench.is_told("faulted", "crashed")
        await deliveries.follow([at(bench.new, crm)])
        assert deliveries.followed == {"crm.1": 2}
        await bench.has_arrived(feed.sent)
        assert bench.old.requests == []


async def test_an_endpoint_that_cannot_be_opened_leaves_the_old_version_in_force(client: Client, unique: str) -> None:
    @asynccontextmanager
    async def reach(destination: Destination, lease: Callable[[], float], _: object) -> AsyncIterator[Attempt]:
        if destination.version == 2:
            raise ValueError("no such endpoint")
        async with loopback(destination, lease) as attempt:
            yield attempt

    async with a_bench(client, unique) as bench:
        crm = a_destination(url=bench.old.url)
        feed = await bench.topic(crm)
        deliveries = await bench.work(crm, reach=reach)
        await feed.send(KEYS)
        await bench.has_arrived(feed.sent)
        refused = await deliveries.follow([at(bench.new, crm)])
        assert refused == {"crm": "its endpoint cannot be reached: ValueError"}
        assert deliveries.followed == {"crm.1": 1}
        await feed.send(KEYS)
        await bench.has_arrived(feed.sent)
        assert (len(bench.old.arrived), bench.old.repeated) == (feed.sent, 0)


async def test_what_is_forbidden_with_a_version_that_cannot_be_opened_is_forbidden_by_the_old_one(
    client: Client, unique: str
) -> None:
    @asynccontextmanager
    async def reach(destination: Destination, lease: Callable[[], float], _: object) -> AsyncIterator[Attempt]:
        if destination.version == 2:
            raise ValueError("no such endpoint")
        async with loopback(destination, lease) as attempt:
            yield attempt

    async with a_bench(client, unique) as bench:
        crm = a_destination(url=bench.old.url)
        feed = await bench.topic(crm)
        deliveries = await bench.work(crm, reach=reach)
        await feed.send(KEYS)
        await bench.has_arrived(feed.sent)
        refused = await deliveries.follow([at(bench.new, crm, forbidden=LINEAGE)])
        assert (list(refused), deliveries.followed) == (["crm"], {"crm.1": 1})
        assert bench.telemetries["crm"].states[-1] == ("forbidden", "policy")

        arrived = bench.arrived
        await feed.send(KEYS)
        await deliveries.follow([at(bench.new, crm)])
        assert (bench.arrived, deliveries.destinations) == (arrived, [replace(crm, forbidden=LINEAGE)])

        await deliveries.follow([crm])
        await bench.has_arrived(feed.sent)


async def test_a_destination_whose_topic_is_missing_is_changed_all_the_same(client: Client, unique: str) -> None:
    async with a_bench(client, unique) as bench:
        crm = a_destination(url=bench.old.url)
        deliveries = await bench.work(crm)
        await bench.is_told("faulted", "topic-missing")
        await deliveries.follow([at(bench.new, crm)])
        feed = await bench.topic(crm)
        await feed.send(KEYS)
        await bench.has_arrived(feed.sent)
        assert bench.old.requests == []


async def test_a_worker_does_not_begin_by_a_version_that_is_over(client: Client, unique: str) -> None:
    """Documents are read to their end after an assignment, and before the first record."""
    read, asked = asyncio.Event(), asyncio.Event()

    async def documents() -> None:
        asked.set()
        await read.wait()

    async with a_bench(client, unique) as bench:
        crm = a_destination(url=bench.old.url)
        feed = await bench.topic(crm)
        await feed.send(KEYS)
        deliveries = await bench.work(crm, documents=documents)
        async with asyncio.timeout(90):
            await asked.wait()
        change = asyncio.create_task(deliveries.follow([at(bench.new, crm)]))
        await until(change.done, what="the change, for which no broker is waited")
        read.set()
        await bench.has_arrived(feed.sent)
        assert bench.old.requests == []
