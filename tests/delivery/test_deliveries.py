from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streams.delivery.bounds import Shared
from streams.delivery.deliveries import Deliveries, Reach
from streams.delivery.service import Connection
from streams.delivery.tools import Attempt
from streams.destinations import Destination
from streams.ends import ExportEnd
from streams.exports import Export, exports_topic
from streams.outcomes import Delivered, Outcome
from tests.brokers.client import Client
from tests.deliverables import RecordingTelemetry, a_destination, soon
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
    connection: Connection, destinations: list[Destination], telemetries: Telemetries, reach: Reach
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
    )


def reached_by(attempts: dict[str, Attempt]) -> Reach:
    @asynccontextmanager
    async def reach(destination: Destination) -> AsyncIterator[Attempt]:
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
    connection = Connection(app=unique, bootstrap_servers=client.bootstrap, session_timeout_seconds=10.0)
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


@pytest.mark.kafka
async def test_a_missing_topic_holds_nobody_back_and_is_waited_for(client: Client, unique: str) -> None:
    destinations = [a_destination("there"), a_destination("missing")]
    topic = await client.create_topic(exports_topic(unique, destinations[0].incarnation), 2)
    telemetries = Telemetries()
    connection = Connection(app=unique, bootstrap_servers=client.bootstrap, session_timeout_seconds=10.0)
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
    async def reach(destination: Destination) -> AsyncIterator[Attempt]:
        raise ValueError("no such endpoint")
        yield take

    telemetries = Telemetries()
    connection = Connection(app="app", bootstrap_servers="127.0.0.1:1")
    async with started(the_deliveries(connection, [a_destination("crm")], telemetries, reach)) as deliveries:
        await until(lambda: ("faulted", "crashed") in telemetries["crm"].states, what="the fault")
        assert deliveries.ready
        assert not deliveries.crashed
        began = time.monotonic()
    assert time.monotonic() - began < 3.0


async def test_a_broker_that_is_away_is_waited_for_and_stopping_is_bounded() -> None:
    telemetries = Telemetries()
    connection = Connection(app="app", bootstrap_servers="127.0.0.1:1")
    async with started(the_deliveries(connection, [a_destination("crm")], telemetries, reached_by({}))) as deliveries:
        await until(lambda: ("faulted", "crashed") in telemetries["crm"].states, what="the fault")
        assert not deliveries.crashed
        began = time.monotonic()
    assert time.monotonic() - began < 8.0
