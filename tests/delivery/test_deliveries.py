from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiokafka.errors import TopicAuthorizationFailedError

from streams.brokers import Brokers
from streams.delivery import keeper as keeper_module
from streams.delivery.bounds import Shared
from streams.delivery.deliveries import Deliveries
from streams.delivery.member import Connection
from streams.delivery.tools import Attempt
from streams.delivery.ways import Reach
from streams.destinations import Destination
from streams.ends import ExportEnd
from streams.exports import Export, exports_topic
from streams.groups.gaps import Birth, Partition
from streams.groups.journal import Journal
from streams.outcomes import Delivered, Outcome
from tests.brokers.client import Client
from tests.deliverables import RecordingTelemetry, a_destination, soon
from tests.groups.members import following
from tests.reaching import brokers_of
from tests.sinks import Feed
from tests.waiting import until


class Telemetries(defaultdict[str, RecordingTelemetry]):
    """One recording per destination."""

    def __init__(self) -> None:
        super().__init__(RecordingTelemetry)

    def of(self, destination: Destination) -> RecordingTelemetry:
        return self[destination.name]

    def delivered(self, name: str) -> int:
        return self[name].counts[ExportEnd.DELIVERED]


def the_deliveries(
    connection: Connection,
    destinations: list[Destination],
    telemetries: Telemetries,
    reach: Reach,
    **options: Any,
) -> Deliveries:
    return Deliveries(
        destinations,
        connection=connection,
        reach=reach,
        telemetry=telemetries.of,
        pause=soon,
        shared=Shared(),
        now=time.monotonic,
        random=lambda: 0.5,
        wall=time.time,
        **options,
    )


def reached_by(attempts: dict[str, Attempt]) -> Reach:
    @asynccontextmanager
    async def reach(destination: Destination, lease: Callable[[], float], _: object) -> AsyncIterator[Attempt]:
        yield attempts.get(destination.name, take)

    return reach


async def take(export: Export) -> Outcome:
    return Delivered(204)


@asynccontextmanager
async def started(deliveries: Deliveries) -> AsyncIterator[Deliveries]:
    await deliveries.start()
    try:
        yield deliveries
    finally:
        await deliveries.stop()


@pytest.mark.kafka
async def test_a_destination_that_crashes_comes_back_and_the_other_goes_on(client: Client, unique: str) -> None:
    destinations = [a_destination("steady"), a_destination("shaky")]
    feeds = {}
    for each in destinations:
        topic = await client.create_topic(exports_topic(unique, each.incarnation), 2)
        feeds[each.name] = Feed(client.bootstrap, topic)
    telemetries, crashed = Telemetries(), 0
    shaky = telemetries["shaky"]

    def crash_once(count: int) -> None:
        nonlocal crashed
        if not crashed:
            crashed += 1
            raise RuntimeError("a defect of ours")
        RecordingTelemetry.fetched(shaky, count)

    shaky.fetched = crash_once  # type: ignore[method-assign]
    connection = Connection(app=unique, brokers=brokers_of(client), session_timeout_seconds=10.0)
    async with started(the_deliveries(connection, destinations, telemetries, reached_by({}))) as deliveries:
        await until(lambda: deliveries.ready, seconds=30, what="both groups joined")
        before = {id(each) for each in deliveries.live}
        load = asyncio.create_task(feeds["steady"].send(["a", "b", "c"] * 500, per_second=300))
        await feeds["shaky"].send(["x", "y"] * 50)
        await until(lambda: crashed == 1, what="the crash")
        at_crash = telemetries.delivered("steady")
        await until(lambda: telemetries.delivered("shaky") >= 100, seconds=30, what="the return of the crashed one")
        during = telemetries.delivered("steady") - at_crash
        await load
        await until(lambda: telemetries.delivered("steady") == 1_500, seconds=30, what="all of the steady one")

        assert during > 100
        assert len(before & {id(each) for each in deliveries.live}) == 1
        assert ("faulted", "crashed") in shaky.states
        assert telemetries["steady"].states == [("activated", "")]
        assert not deliveries.crashed


class Forbidden(Journal):
    """A journal that tells nobody of what a group began with."""

    asked = 0

    def birth(self, group: str, partition: Partition) -> Birth | None:
        self.asked += 1
        raise TopicAuthorizationFailedError(self.topic)


@pytest.mark.kafka
async def test_a_destination_that_crashes_again_and_again_says_nothing_else_meanwhile(
    client: Client, unique: str
) -> None:
    await client.create_topic(exports_topic(unique, a_destination().incarnation), 1)
    documents = await client.create_topic(f"{unique}.destinations", 1, cleanup_policy="compact")
    telemetries = Telemetries()
    async with following(brokers_of(client), documents, Forbidden) as journal:
        connection = Connection(app=unique, brokers=brokers_of(client), journal=journal)
        async with started(the_deliveries(connection, [a_destination()], telemetries, reached_by({}))) as deliveries:

            def has_crashed_twice() -> bool:
                return cast("Forbidden", journal).asked == 2 and not list(deliveries.live)

            await until(has_crashed_twice, seconds=30, what="the second crash, and its end")

    assert telemetries["crm"].states == [("faulted", "not-authorized")]


@pytest.mark.kafka
async def test_a_missing_topic_holds_nobody_back_and_is_waited_for(client: Client, unique: str) -> None:
    destinations = [a_destination("there"), a_destination("missing")]
    topic = await client.create_topic(exports_topic(unique, destinations[0].incarnation), 2)
    telemetries = Telemetries()
    connection = Connection(app=unique, brokers=brokers_of(client), session_timeout_seconds=10.0)
    async with started(the_deliveries(connection, destinations, telemetries, reached_by({}))) as deliveries:
        await Feed(client.bootstrap, topic).send(["a", "b"] * 50)
        await until(lambda: telemetries.delivered("there") == 100, seconds=30, what="the other destination")
        await until(lambda: deliveries.ready, seconds=30, what="readiness")
        assert telemetries["missing"].states == [("faulted", "topic-missing")]

        late = await client.create_topic(exports_topic(unique, destinations[1].incarnation), 2)
        await Feed(client.bootstrap, late).send(["a", "b"] * 50)
        await until(lambda: telemetries.delivered("missing") == 100, seconds=30, what="the late topic's exports")
        assert telemetries["missing"].states[-1] == ("activated", "")


async def test_an_endpoint_that_cannot_be_opened_is_its_own_trouble_and_stopping_is_quick() -> None:
    @asynccontextmanager
    async def reach(destination: Destination, lease: Callable[[], float], _: object) -> AsyncIterator[Attempt]:
        raise ValueError("no such endpoint")
        yield take

    telemetries = Telemetries()
    connection = Connection(app="app", brokers=Brokers(("127.0.0.1:1",)))
    async with started(the_deliveries(connection, [a_destination("crm")], telemetries, reach)) as deliveries:
        await until(lambda: ("faulted", "crashed") in telemetries["crm"].states, what="the fault")
        assert deliveries.ready
        assert not deliveries.crashed
        began = time.monotonic()
    assert time.monotonic() - began < 60.0


async def test_a_broker_that_is_away_is_waited_for_and_stopping_is_bounded() -> None:
    telemetries = Telemetries()
    connection = Connection(app="app", brokers=Brokers(("127.0.0.1:1",)))
    async with started(the_deliveries(connection, [a_destination("crm")], telemetries, reached_by({}))) as deliveries:
        await until(lambda: ("faulted", "crashed") in telemetries["crm"].states, what="the fault")
        assert not deliveries.crashed
        began = time.monotonic()
    assert time.monotonic() - began < 60.0


async def test_a_delivery_that_stops_after_a_crash_stops_to_its_end_when_all_are_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopping, go_on, stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Crashed:
        """A delivery that crashes at once, and takes its time to stop."""

        crash_reason, polled_at = RuntimeError("a defect of ours"), None

        def __init__(self, *_: object) -> None:
            self.over = asyncio.Event()

        async def start(self) -> None:
            self.over.set()

        async def stop(self) -> None:
            stopping.set()
            await go_on.wait()
            stopped.set()

    monkeypatch.setattr(keeper_module, "Delivery", Crashed)
    connection = Connection(app="none", brokers=Brokers(("127.0.0.1:1",)))
    deliveries = the_deliveries(connection, [a_destination()], Telemetries(), reached_by({}))
    await deliveries.start()
    await stopping.wait()
    all_stopping = asyncio.create_task(deliveries.stop())
    for _ in range(10):
        await asyncio.sleep(0)
    go_on.set()
    await all_stopping

    assert stopped.is_set()
    assert not list(deliveries.live)
