"""``maxRequestsPerSecond`` and ``maxInFlight``: every request counts, and workers share both by their partitions."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from aiokafka import TopicPartition

from streams.delivery.dispatch import Dispatch
from streams.delivery.limiting import Limiter
from streams.delivery.shares import WHOLE, Share
from streams.delivery.tools import Tools
from streams.delivery.windows import Window
from streams.destinations import Batch
from streams.endpoints.egress import Egress
from streams.endpoints.endpoint import Endpoint
from streams.exports import Posted
from streams.outcomes import Delivered, DestinationFault, Outcome, Retryable
from tests.deliverables import TOPIC, RecordingTelemetry, a_destination, a_record, the_tools
from tests.delivery.test_rates import holds
from tests.exchanges import LOOPBACK, NO_CONTENT, a_request, raw_server, reset
from tests.virtual_time import in_virtual_time
from tests.waiting import until

P0 = TopicPartition(TOPIC, 0)


def fail(error: BaseException) -> None:
    raise AssertionError("a defect in the dispatch") from error


class Door:
    """Notes on the loop's clock when each request begins, and how many are open."""

    def __init__(self, seconds: float = 0.03) -> None:
        self.seconds = seconds
        self.answers: list[Outcome] = []
        self.begun: list[float] = []
        self.open = self.most_open = self.most_tasks = 0

    async def __call__(self, _: Posted) -> Outcome:
        self.begun.append(asyncio.get_running_loop().time())
        self.most_tasks = max(self.most_tasks, len(asyncio.all_tasks()))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await asyncio.sleep(self.seconds)
        self.open -= 1
        return self.answers.pop(0) if self.answers else Delivered(204)


def a_dispatch(tools: Tools, share: Share = WHOLE) -> Dispatch:
    return Dispatch(tools, {P0: Window()}, share=share, defect=fail)


async def served(dispatch: Dispatch) -> None:
    """Return when all has ended; in virtual time."""
    while dispatch.backlog.pending:  # noqa: ASYNC110 - of ends there are many, one waits
        await asyncio.sleep(0.01)
    await dispatch.release()


def test_each_attempt_counts_and_the_rate_is_kept_and_used() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        door, telemetry = Door(), RecordingTelemetry()
        door.answers += [Retryable("status-503", 503)] * 50
        door.answers += [DestinationFault("forbidden", 403)] * 3
        destination = a_destination(max_requests_per_second=40.0)
        dispatch = a_dispatch(the_tools(door, telemetry=telemetry, destination=destination, now=loop.time))
        began = loop.time()
        dispatch.accept(P0, [a_record(offset, b"p%d" % offset) for offset in range(400)])
        await served(dispatch)
        seconds = loop.time() - began

        assert len(door.begun) == 453
        assert holds(door.begun, 40.0)
        assert 453 / 40 - 1 < seconds < 453 / 40 + 2, "the rate is not used"
        assert seconds / 2 < telemetry.held_seconds <= seconds
        assert door.most_tasks < 10, "what the rate holds has tasks"

    in_virtual_time(run())


def test_many_are_begun_some_at_a_time() -> None:
    async def run() -> None:
        door = Door(seconds=0.001)
        dispatch = a_dispatch(the_tools(door, destination=a_destination(max_requests_per_second=1_000.0)))
        dispatch.accept(P0, [a_record(offset, b"p%d" % offset) for offset in range(800)])
        await served(dispatch)

        assert holds(door.begun, 1_000.0)
        assert 0.7 < door.begun[-1] - door.begun[0] < 0.85
        assert len(set(door.begun)) < 160, "the loop is woken for each"

    in_virtual_time(run())


def test_a_batch_is_one_request() -> None:
    async def run() -> None:
        door = Door()
        destination = a_destination(max_requests_per_second=5.0, batch=Batch(max_exports=10, linger_seconds=0.0))
        dispatch = a_dispatch(the_tools(door, destination=destination))
        dispatch.accept(P0, [a_record(offset, b"p%d" % offset) for offset in range(100)])
        await served(dispatch)

        assert len(door.begun) == 10
        assert holds(door.begun, 5.0)

    in_virtual_time(run())


def test_what_was_begun_counts_under_the_next_assignment_and_the_next_version() -> None:
    async def run() -> None:
        door = Door()
        tools = the_tools(door, destination=a_destination(max_requests_per_second=2.0))
        for version in range(1, 8):
            dispatch = a_dispatch(replace(tools, destination=replace(tools.destination, version=version)))
            dispatch.accept(P0, [a_record(version)])
            await asyncio.sleep(0.1)
            await dispatch.drain(1.0)
            await dispatch.release()

        assert len(door.begun) >= 2
        assert holds(door.begun, 2.0)

    in_virtual_time(run())


def test_two_workers_share_by_their_partitions() -> None:
    async def run() -> None:
        destination = a_destination(max_requests_per_second=30.0, max_in_flight=6)
        doors = Door(seconds=0.5), Door(seconds=0.5)
        dispatches = []
        for door, share in zip(doors, (Share(2, 3), Share(1, 3)), strict=True):
            dispatch = a_dispatch(the_tools(door, destination=destination), share)
            dispatch.accept(P0, [a_record(offset, b"p%d" % offset) for offset in range(400)])
            dispatches.append(dispatch)
        await asyncio.sleep(20.0)

        assert [door.most_open for door in doors] == [4, 2]
        for door in doors:
            door.seconds = 0.01
        before = [len(door.begun) for door in doors]
        await asyncio.sleep(10.0)
        begun = [len(door.begun) - count for door, count in zip(doors, before, strict=True)]
        assert begun[0] in range(198, 203)
        assert begun[1] in range(98, 103)
        assert holds(doors[0].begun, 20.0)
        assert holds(doors[1].begun, 10.0)
        for dispatch in dispatches:
            await dispatch.release()

    in_virtual_time(run())


def test_one_who_may_begin_less_than_one_a_second_begins_all_the_same() -> None:
    async def run() -> None:
        door = Door()
        destination = a_destination(max_requests_per_second=0.5, max_in_flight=1)
        dispatch = a_dispatch(the_tools(door, destination=destination), Share(1, 8))
        dispatch.accept(P0, [a_record(offset, b"p%d" % offset) for offset in range(4)])
        await served(dispatch)

        assert [round(later - sooner) for sooner, later in zip(door.begun, door.begun[1:], strict=False)] == [16] * 3

    in_virtual_time(run())


class Counted(Limiter):
    """Counts what it lets go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = 0

    def take(self) -> float:
        seconds = super().take()
        self.let_go += not seconds
        return seconds

    async def admitted(self) -> None:
        self.let_go += 1
        await super().admitted()


class RefusedAtFirst:
    """Tokens, of which every other is refused."""

    def __init__(self) -> None:
        self.number = 0

    async def token(self, refused: str | None = None) -> str:
        self.number += refused is not None
        return f"token-{self.number}"

    async def close(self) -> None:
        """Nothing is renewed."""


async def test_no_request_reaches_the_endpoint_that_the_rate_did_not_let_go() -> None:
    """Not those, either, that are sent again after a lost connection or a refused token."""
    arrived: list[float] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(4):
            request = await a_request(reader)
            arrived.append(time.monotonic())
            if number == 3:
                reset(writer)  # it crosses with the end of the connection
                return
            refused = b"token-0" in request and len(arrived) > 10
            writer.write(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" if refused else NO_CONTENT)
            await writer.drain()

    async with raw_server(talk) as server:
        limiter = Counted()
        destination = a_destination(url=server.url, max_requests_per_second=40.0, timeout_seconds=30.0)
        endpoint = Endpoint(destination, Egress(LOOPBACK), RefusedAtFirst(), now=lambda: 0.0, admitted=limiter.admitted)
        await endpoint.start()
        try:
            dispatch = a_dispatch(replace(the_tools(endpoint.post, destination=destination), limiter=limiter))
            began = time.monotonic()
            dispatch.accept(P0, [a_record(offset, b"p%d" % offset) for offset in range(40)])
            await until(lambda: dispatch.backlog.pending == 0, seconds=60, what="all ends")
            await dispatch.release()
        finally:
            await endpoint.close()

    assert endpoint.resent > 0
    assert len(arrived) > 40 + endpoint.resent, "a token was refused, too"
    assert len(arrived) <= limiter.let_go
    assert arrived[-1] - began >= (len(arrived) - 2) / 40.0


def test_what_waits_to_be_sent_once_more_comes_before_what_asks_later() -> None:
    async def run() -> None:
        loop, limiter, sent = asyncio.get_running_loop(), Limiter(), list[float]()
        limiter.limit(10.0)
        assert limiter.take() == 0.0

        async def send_again() -> None:
            await limiter.admitted()
            sent.append(loop.time())

        began, waiting = loop.time(), asyncio.create_task(send_again())
        await asyncio.sleep(0)
        while seconds := limiter.take():  # noqa: ASYNC110 - as a dispatch does
            await asyncio.sleep(seconds)
        await waiting

        assert [at - began for at in (*sent, loop.time())] == pytest.approx([0.1, 0.2], abs=0.001)

    in_virtual_time(run())


def test_each_second_of_waiting_is_counted_once_however_many_wait() -> None:
    async def run() -> None:
        told = list[float]()
        limiter = Limiter(told.append)
        limiter.limit(1.0)
        assert limiter.take() == 0.0
        for _ in range(5):
            assert limiter.take() > 0.0
        await asyncio.sleep(0.5)
        assert limiter.take() > 0.0
        assert sum(told) == pytest.approx(1.0, abs=0.001)

        await limiter.admitted()
        assert sum(told) == pytest.approx(1.0, abs=0.001)

    in_virtual_time(run())
