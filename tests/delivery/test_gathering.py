"""Exports that travel together, over real sockets: what arrives, what is refused, and what becomes of each."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiokafka import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.delivery.batches import Batching
from streams.delivery.dispatch import Dispatch
from streams.delivery.pending import read_export
from streams.delivery.tools import Tools
from streams.delivery.windows import Window
from streams.destinations import Batch, Retry
from streams.ends import ExportEnd, Reason
from tests.deliverables import (
    TOPIC,
    ARecord,
    Parked,
    RecordingTelemetry,
    a_destination,
    a_record,
    export_headers,
    the_tools,
)
from tests.sinks import loopback
from tests.waiting import until

P0 = TopicPartition(TOPIC, 0)
FOR_EVER = 3_600.0
SECONDS = 60.0
"""How long a test waits for what must come, on a machine that is busy."""

SOON = Retry(first_seconds=0.01, cap_seconds=0.05)

Members = Sequence[int]
Answer = int | tuple[int, dict[str, str]]


def a_member(number: int, key: bytes | None = None, *, pad: int = 0) -> ARecord:
    """Return an export that names itself, of a profile of its own if no other is said."""
    record = a_record(number, b"p%d" % number if key is None else key)
    record.value = json.dumps({"n": number, "pad": "x" * pad}, separators=(",", ":")).encode()
    return record


@dataclass
class Sink:
    """An endpoint that takes batches: what came, how it answers, and what it took."""

    url: str = ""
    answer: Callable[[Members], Answer] = lambda _: 204
    hung: asyncio.Event | None = None
    """While there is one, each request waits for it before it is answered."""
    requests: list[list[int]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.Response:
        body = await request.read()
        lines = body.splitlines() if request.content_type == "application/x-ndjson" else None
        values: list[Any] = json.loads(body) if lines is None else [json.loads(line) for line in lines]
        members = [value["n"] for value in values]
        self.requests.append(members)
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        if self.hung is not None:
            await self.hung.wait()
        answer = self.answer(members)
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        if status < 300:
            self.taken += members
        return web.Response(status=status, headers=headers)

    def refuse(self, poison: set[int], status: int = 400) -> None:
        """Answer so to whatever holds one of these, and take all else."""
        self.answer = lambda members: status if poison.intersection(members) else 204


@asynccontextmanager
async def a_sink() -> AsyncIterator[Sink]:
    sink = Sink()
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/", sink.serve)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    sink.url = f"http://{host}:{port}/"
    try:
        yield sink
    finally:
        if sink.hung is not None:
            sink.hung.set()
        await runner.cleanup()


def fail(error: BaseException) -> None:
    raise AssertionError("a defect in the dispatch") from error


@dataclass
class Bench:
    """A dispatch in front of a sink, with all that is told recorded."""

    sink: Sink
    tools: Tools
    dispatch: Dispatch
    parked: Parked
    telemetry: RecordingTelemetry

    def accept(self, *records: ARecord) -> None:
        assert self.dispatch.accept(P0, records)

    async def ended(self) -> None:
        """Wait until all has ended."""
        await until(lambda: self.dispatch.backlog.pending == 0, seconds=SECONDS)

    @property
    def letters(self) -> list[tuple[int, Reason, int | None]]:
        return sorted((each.offset, failure.reason, failure.status) for each, failure in self.parked.letters)


@asynccontextmanager
async def a_bench(batch: Batch, **delivery: Any) -> AsyncIterator[Bench]:
    async with a_sink() as sink:
        delivery = {"timeout_seconds": SECONDS, "max_in_flight": 4, **delivery}
        destination = a_destination(url=sink.url, batch=batch, **delivery)
        parked, telemetry = Parked(), RecordingTelemetry()
        async with loopback(destination) as attempt:
            tools = the_tools(attempt, park=parked, telemetry=telemetry, destination=destination)
            dispatch = Dispatch(tools, {P0: Window()}, defect=fail)
            try:
                yield Bench(sink, tools, dispatch, parked, telemetry)
            finally:
                await dispatch.release()
                books = tools.books
                assert books.fetched == books.ended + books.handed_over


@pytest.mark.parametrize("format_", ["array", "ndjson"])
async def test_many_exports_travel_in_few_requests(format_: Any) -> None:
    async with a_bench(Batch(max_exports=100, format=format_)) as bench:
        records = [a_member(number) for number in range(250)]
        bench.accept(*records)
        await bench.ended()

        assert sorted(map(len, bench.sink.requests)) == [50, 100, 100]
        assert sorted(bench.sink.taken) == [*range(250)]
        assert bench.telemetry.counts == {ExportEnd.DELIVERED: 250}
        assert sorted(bench.telemetry.batches) == [50, 100, 100]
        batching = Batching(Batch(format=format_))
        for members, body, headers in zip(bench.sink.requests, bench.sink.bodies, bench.sink.headers, strict=True):
            exports = [export for number in members if (export := read_export(records[number]))]
            assert (headers["Idempotency-Key"], body) == (batching.joined(exports).id, batching.joined(exports).body)
            assert headers["Content-Type"] == ("application/x-ndjson" if format_ == "ndjson" else "application/json")


async def test_the_first_ones_wait_for_others_and_none_once_the_batch_is_full() -> None:
    async with a_bench(Batch(max_exports=5, linger_seconds=FOR_EVER)) as bench:
        bench.accept(*map(a_member, range(3)))
        bench.accept(*map(a_member, range(3, 12)))
        await until(lambda: bench.dispatch.backlog.pending == 2, seconds=SECONDS)

        assert sorted(bench.sink.requests) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
        assert bench.dispatch.in_flight == 0


async def test_they_wait_no_longer_than_they_may() -> None:
    async with a_bench(Batch(max_exports=5, linger_seconds=0.02)) as bench:
        for first in range(0, 9, 3):
            bench.accept(*map(a_member, range(first, first + 3)))
            await bench.ended()

        assert bench.sink.requests == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


async def test_a_batch_that_is_full_of_bytes_waits_for_nothing_and_one_that_is_too_large_goes_alone() -> None:
    size = len(a_member(1, pad=100).value or b"")
    async with a_bench(Batch(max_bytes=3 * size + 4, linger_seconds=FOR_EVER), max_in_flight=1) as bench:
        bench.accept(*(a_member(number, pad=100) for number in range(1, 4)), a_member(4, pad=5_000))
        bench.accept(*(a_member(number, pad=100) for number in range(5, 8)))
        await bench.ended()

        assert bench.sink.requests == [[1, 2, 3], [4], [5, 6, 7]]
        assert max(len(body) for body in bench.sink.bodies if len(body) < 5_000) == 3 * size + 4


async def test_a_batch_never_holds_two_exports_of_one_profile() -> None:
    async with a_bench(Batch(max_exports=50, linger_seconds=0.0)) as bench:
        bench.accept(*(a_member(number, b"hot" if number % 2 else b"p%d" % (number % 7)) for number in range(60)))
        await bench.ended()

    for members in bench.sink.requests:
        keys = [b"hot" if number % 2 else b"p%d" % (number % 7) for number in members]
        assert len(set(keys)) == len(keys)
    assert [number for number in bench.sink.taken if number % 2] == [*range(1, 60, 2)]
    assert sorted(bench.sink.taken) == [*range(60)]


def out_of_order(taken: Sequence[int], keys: Sequence[int]) -> int:
    """Return how many were taken after a later one of their profile."""
    last: dict[int, int] = defaultdict(lambda: -1)
    wrong = 0
    for number in taken:
        wrong += number < last[keys[number]]
        last[keys[number]] = max(number, last[keys[number]])
    return wrong


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from([0, 0, 0, 400, 413, 422, 501])), min_size=1, max_size=60),
    st.integers(2, 40),
    st.sampled_from(["array", "ndjson"]),
    st.integers(1, 4),
)
def test_exactly_those_that_are_refused_become_dead_letters_each_by_its_own_status(
    exports: list[tuple[int, int]], max_exports: int, format_: Any, in_flight: int
) -> None:
    keys = [key for key, _ in exports]
    poison = {number: status for number, (_, status) in enumerate(exports) if status}

    async def run() -> None:
        batch = Batch(max_exports=max_exports, linger_seconds=0.0, format=format_)
        async with a_bench(batch, max_in_flight=in_flight) as bench:
            bench.sink.answer = lambda members: next((poison[each] for each in members if each in poison), 204)
            bench.accept(*(a_member(number, b"p%d" % key) for number, key in enumerate(keys)))
            await bench.ended()

            assert bench.letters == [(number, Reason.REFUSED, status) for number, status in sorted(poison.items())]
            assert sorted(bench.sink.taken) == [number for number in range(len(keys)) if number not in poison]
            assert out_of_order(bench.sink.taken, keys) == 0
            assert max(Counter(number for each in bench.sink.requests for number in each).values()) <= 8

    asyncio.run(run())


async def test_a_refused_batch_is_sent_again_in_halves_in_order_down_to_the_one() -> None:
    async with a_bench(Batch(max_exports=8), max_in_flight=1) as bench:
        bench.sink.refuse({5})
        bench.accept(*map(a_member, range(8)))
        await bench.ended()

        assert bench.sink.requests == [[*range(8)], [0, 1, 2, 3], [4, 5, 6, 7], [4, 5], [4], [5], [6, 7]]
        assert len({headers["Idempotency-Key"] for headers in bench.sink.headers}) == 7
        assert bench.letters == [(5, Reason.REFUSED, 400)]
        assert bench.telemetry.halvings == 3
        ((_, failure),) = bench.parked.letters
        assert failure.attempts == 4


async def test_who_was_in_a_refused_batch_travels_with_nobody_else() -> None:
    async with a_bench(Batch(max_exports=5), max_in_flight=1) as bench:
        bench.sink.refuse({3})
        bench.accept(*map(a_member, range(10)))
        await bench.ended()

        assert bench.sink.requests == [[*range(5)], [0, 1, 2], [3, 4], [3], [4], [*range(5, 10)]]


async def test_a_batch_whose_lease_lapses_is_no_attempt_and_goes_out_when_it_is_renewed() -> None:
    async with a_bench(Batch(max_exports=8)) as bench:
        bench.tools.lease.ended()
        bench.accept(*map(a_member, range(8)))
        await until(lambda: bench.telemetry.lapses == 1, seconds=SECONDS)
        assert bench.telemetry.batches == []

        bench.tools.lease.renewed(0.0)
        await bench.ended()
        assert sorted(bench.sink.taken) == [*range(8)]


async def test_a_batch_that_is_too_large_for_the_endpoint_comes_in_parts_that_are_not() -> None:
    async with a_bench(Batch(max_exports=40), max_in_flight=1) as bench:
        bench.sink.answer = lambda members: 413 if len(members) > 10 else 204
        bench.accept(*map(a_member, range(40)))
        await bench.ended()

        assert bench.sink.taken == [*range(40)]
        assert [len(each) for each in bench.sink.requests] == [40, 20, 10, 10, 20, 10, 10]
        assert not bench.parked.letters


async def test_a_batch_that_fails_is_tried_again_and_nobody_is_given_up_for_it() -> None:
    async with a_bench(Batch(max_exports=10), max_in_flight=1, retry=Retry(max_elapsed_seconds=FOR_EVER)) as bench:
        answers = iter([503, 429, 500])
        bench.sink.answer = lambda _: next(answers, 204)
        bench.accept(*map(a_member, range(10)))
        await bench.ended()

        assert bench.sink.requests[0] == [*range(10)]
        assert sorted(bench.sink.taken) == [*range(10)]
        assert not bench.parked.letters
        assert bench.telemetry.halvings == 0, "a moment's trouble is not a record's"


async def test_whose_time_is_up_is_tried_once_by_itself_before_it_is_given_up() -> None:
    async with a_bench(Batch(max_exports=10), retry=Retry(max_elapsed_seconds=0.0)) as bench:
        bench.sink.refuse({3}, 503)
        bench.accept(*map(a_member, range(10)))
        await bench.ended()

        assert bench.letters == [(3, Reason.EXHAUSTED, 503)]
        assert sorted(bench.sink.taken) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
        assert [3] in bench.sink.requests


async def test_the_halving_goes_on_after_an_endpoint_that_refuses_all_of_us_meanwhile() -> None:
    async with a_bench(Batch(max_exports=8), max_in_flight=1, retry=SOON) as bench:
        seen = 0

        def answer(members: Members) -> Answer:
            nonlocal seen
            seen += 1
            return 401 if 2 <= seen <= 6 else 400 if 5 in members else 204

        bench.sink.answer = answer
        bench.accept(*map(a_member, range(8)))
        await bench.ended()

        assert bench.sink.requests[:4] == [[*range(8)], [0, 1, 2, 3], [0, 1], [0]]
        assert [len(each) for each in bench.sink.requests[4:7]] == [1, 1, 1], "a probe carries one export"
        assert ("faulted", "unauthorized") in bench.telemetry.states
        assert bench.telemetry.states[-1] == ("activated", "")
        assert bench.letters == [(5, Reason.REFUSED, 400)]
        assert sorted(bench.sink.taken) == [0, 1, 2, 3, 4, 6, 7]


@pytest.mark.parametrize("status", [401, 403])
async def test_an_answer_that_stops_all_but_is_about_one_ends_that_one_and_nobody_who_travelled_with_it(
    status: int,
) -> None:
    async with a_bench(Batch(max_exports=10, linger_seconds=0.0), max_in_flight=2, retry=SOON) as bench:
        bench.sink.refuse({13}, status)
        for first in range(0, 60, 10):
            bench.accept(*map(a_member, range(first, first + 10)))
        await bench.ended()

        assert bench.letters == [(13, Reason.REFUSED, status)]
        assert sorted(bench.sink.taken) == [number for number in range(60) if number != 13]
        assert [state for state, _ in bench.telemetry.states].count("faulted") <= 1, "it flaps"


async def test_an_endpoint_that_refuses_everything_is_at_fault_before_many_are_dead_letters() -> None:
    async with a_bench(Batch(max_exports=100), retry=SOON) as bench:
        is_broken = True
        bench.sink.answer = lambda _: 400 if is_broken else 204
        bench.accept(*map(a_member, range(300)))
        await until(lambda: ("faulted", "storm") in bench.telemetry.states, seconds=SECONDS)
        is_broken = False
        await bench.ended()

        assert len(bench.letters) < 25
        assert sorted([*bench.sink.taken, *(number for number, _, _ in bench.letters)]) == [*range(300)]


async def test_many_that_are_refused_among_many_that_are_not_end_and_the_others_are_delivered() -> None:
    async with a_bench(Batch(max_exports=50), retry=SOON) as bench:
        bench.sink.refuse(set(range(0, 200, 5)), 422)
        bench.accept(*map(a_member, range(200)))
        await bench.ended()

        assert [number for number, _, _ in bench.letters] == [*range(0, 200, 5)]
        assert sorted(bench.sink.taken) == [number for number in range(200) if number % 5]


async def test_an_endpoint_that_holds_us_back_again_and_again_does_not_make_the_halving_begin_anew() -> None:
    async with a_bench(Batch(max_exports=32), max_in_flight=1, retry=Retry(retry_after_cap_seconds=0.001)) as bench:
        seen = 0

        def answer(members: Members) -> Answer:
            nonlocal seen
            seen += 1
            return (429, {"Retry-After": "1"}) if seen % 3 == 0 else 400 if 0 in members else 204

        bench.sink.answer = answer
        bench.accept(*map(a_member, range(32)))
        await bench.ended()

        assert bench.letters == [(0, Reason.REFUSED, 400)]
        assert sum(0 in each for each in bench.sink.requests) <= 2 * 6


async def test_a_release_in_the_middle_hands_over_what_has_not_ended() -> None:
    async with a_bench(Batch(max_exports=8), max_in_flight=1) as bench:

        def answer(members: Members) -> Answer:
            if members == [0, 1, 2, 3]:
                bench.sink.hung = asyncio.Event()  # for the next one
            return 400 if len(members) == 8 else 204

        bench.sink.answer = answer
        bench.accept(*map(a_member, range(8)))
        await until(lambda: len(bench.sink.requests) == 3, seconds=SECONDS)
        await bench.dispatch.release()

        assert bench.sink.requests[2] == [4, 5, 6, 7]
        assert bench.tools.books.ended == 4
        assert bench.tools.books.handed_over == 4
        assert bench.dispatch.backlog.windows[P0].position == 4


async def test_a_drain_lets_the_open_request_end_and_begins_no_half() -> None:
    async with a_bench(Batch(max_exports=8), max_in_flight=1) as bench:
        bench.sink.hung = asyncio.Event()
        bench.sink.answer = lambda _: 400
        bench.accept(*map(a_member, range(8)))
        await until(lambda: len(bench.sink.requests) == 1, seconds=SECONDS)
        draining = asyncio.create_task(bench.dispatch.drain(SECONDS))
        await asyncio.sleep(0)
        bench.sink.hung.set()
        await draining
        await bench.dispatch.release()

        assert len(bench.sink.requests) == 1
        assert bench.tools.books.handed_over == 8


async def test_those_that_wait_for_others_hold_up_no_drain_and_are_handed_over() -> None:
    async with a_bench(Batch(max_exports=8, linger_seconds=FOR_EVER)) as bench:
        bench.accept(*map(a_member, range(3)))
        async with asyncio.timeout(SECONDS):
            await bench.dispatch.drain(FOR_EVER)
        await bench.dispatch.release()

        assert bench.sink.requests == []
        assert bench.tools.books.handed_over == 3


@pytest.mark.parametrize("format_", ["array", "ndjson"])
async def test_no_request_is_larger_than_the_endpoint_takes(format_: Any) -> None:
    sizes = {number: len(a_member(number, pad=10 * number).value or b"") for number in range(6)}
    limit = sizes[3]  # with what frames it, this one is larger than that
    async with a_bench(Batch(max_exports=10, linger_seconds=0.0, format=format_), max_payload_bytes=limit) as bench:
        bench.accept(*(a_member(number, pad=10 * number) for number in sizes))
        await bench.ended()

        assert max(map(len, bench.sink.bodies)) <= limit
        assert [number for number, _, _ in bench.letters] == [3, 4, 5]
        assert {reason for _, reason, _ in bench.letters} == {Reason.TOO_LARGE}
        assert sorted(bench.sink.taken) == [0, 1, 2]


async def test_what_is_not_to_be_posted_takes_no_place_in_a_batch() -> None:
    async with a_bench(Batch(max_exports=3, linger_seconds=FOR_EVER), max_in_flight=1) as bench:
        bench.tools.revisions.delivered(b"p1", 100)
        broken = ARecord(2, b"p2", b"{}", headers=export_headers("")[:1])
        bench.accept(a_member(0), a_member(1), broken, a_member(3), a_member(4))
        await bench.ended()

        assert bench.sink.requests == [[0, 3, 4]]
        assert bench.telemetry.counts == {
            ExportEnd.DELIVERED: 3,
            ExportEnd.OVERTAKEN: 1,
            ExportEnd.DEAD_LETTERED: 1,
        }
