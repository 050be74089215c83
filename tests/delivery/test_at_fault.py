"""A destination at fault: no record is to blame, one probe at a time finds out when it is over."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, closing
from dataclasses import replace
from itertools import count, islice
from typing import Any

from streams.delivery.bounds import Shared, Slots
from streams.delivery.storms import LIMIT
from streams.delivery.tools import Attempt
from streams.destinations import Retry
from streams.ends import ExportEnd, Reason
from streams.exports import Export
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable
from tests.deliverables import ARecord, Parked, RecordingTelemetry, a_destination, a_record, the_tools
from tests.delivery.polling import AT_ONCE, P0, Clock, Polled
from tests.sinks import Sink, a_sink, loopback
from tests.waiting import until

FAILS = Retryable("server-error", 503)
REFUSES = Refused("not-found", 404)
NO_TLS = DestinationFault("tls-failed")
FORBIDS = DestinationFault("forbidden", 403)
TOOK = Delivered(204)
FAULT, WELL = "faulted", "activated"


class Scene:
    """One destination, whose endpoint answers by profile as it is told; a second passes with each poll."""

    def __init__(self, records: Iterator[ARecord] | list[ARecord], **delivery: Any) -> None:
        self.answer: Callable[[bytes], Outcome] = lambda key: TOOK
        self.posted: list[bytes] = []
        self.delivered = Counter[bytes]()
        self.open = self.most_open = 0
        self.parked, self.telemetry, self.clock = Parked(), RecordingTelemetry(), Clock()
        destination = a_destination(**{"retry": AT_ONCE, "max_in_flight": 8, **delivery})
        self.tools = the_tools(
            self._attempt, park=self.parked, telemetry=self.telemetry, now=self.clock, destination=destination
        )
        self.polled = Polled(self.tools, self.clock, records)

    async def _attempt(self, export: Export) -> Outcome:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.posted.append(export.key)
        try:
            await asyncio.sleep(0)
        finally:
            self.open -= 1
        outcome = self.answer(export.key)
        self.delivered[export.key] += outcome is TOOK
        return outcome

    @property
    def reason(self) -> str | None:
        return None if self.tools.health.fault is None else self.tools.health.fault.reason

    @property
    def faults(self) -> list[str]:
        return [reason for state, reason in self.telemetry.states if state == FAULT]

    @property
    def letters(self) -> list[tuple[bytes | None, str, str]]:
        return [(record.key, str(failure.reason), failure.detail) for record, failure in self.parked.letters]


def of_all(*keys: bytes, start: int = 0) -> Iterator[ARecord]:
    """Return records of these profiles in turn, without end."""
    for offset in count(start):
        yield a_record(offset, keys[offset % len(keys)])


PROFILES = [b"p%d" % n for n in range(40)]


async def test_three_profiles_that_fail_while_nothing_is_delivered_are_the_destinations_trouble() -> None:
    scene = Scene([a_record(n, key) for n, key in enumerate([b"a", b"b", b"c"])])
    scene.answer = lambda key: FAILS
    await scene.polled.until(lambda: scene.clock.seconds >= 1_029.0)
    assert scene.reason is None
    await scene.polled.until(lambda: scene.reason is not None)
    assert scene.faults == ["nothing-delivered"]

    scene.answer = lambda key: TOOK
    await scene.polled.drained()
    assert scene.telemetry.states[-1] == (WELL, "")
    assert scene.letters == []
    assert scene.telemetry.seconds_at_fault > 0


async def test_who_was_given_a_long_wait_before_the_fault_is_tried_soon_after_it() -> None:
    scene = Scene([a_record(n, key) for n, key in enumerate([b"a", b"b", b"c"])])
    scene.polled.tools = replace(scene.tools, pause=lambda *_: 3_600.0)
    scene.polled.anew()
    scene.answer = lambda key: FAILS
    await scene.polled.until(lambda: scene.reason is not None)
    assert len(scene.posted) == 3

    scene.answer = lambda key: TOOK
    scene.polled.records = iter([a_record(3, b"d")])
    await scene.polled.until(lambda: scene.delivered.total() == 4, polls=3_000)
    assert scene.posted[3] == b"d"
    await scene.polled.drained()


async def test_two_profiles_are_not() -> None:
    scene = Scene([a_record(0, b"a"), a_record(1, b"b")])
    scene.answer = lambda key: FAILS
    await scene.polled.until(lambda: scene.clock.seconds >= 1_500.0)

    assert scene.faults == []
    await scene.polled.dispatch.release()


async def test_an_outage_fills_no_dead_letters_and_reorders_nothing() -> None:
    """It answers 503, then not in time, then refuses connections: each for twenty times what a record may fail."""
    retry = Retry(first_seconds=0.001, cap_seconds=0.002, max_elapsed_seconds=15.0)
    async with a_sink() as sink, AsyncExitStack() as stack:
        destination = a_destination(url=sink.url, timeout_seconds=60.0, retry=retry, max_pending=400)
        nobody = stack.enter_context(closing(socket.socket()))
        nobody.bind(("127.0.0.1", 0))  # bound, and nothing listens
        account = replace(destination.account, http_endpoint=f"http://127.0.0.1:{nobody.getsockname()[1]}/")
        impatient = replace(destination, delivery=replace(destination.delivery, timeout_seconds=0.1))
        ways = [
            await stack.enter_async_context(loopback(each))
            for each in (destination, impatient, replace(destination, account=account))
        ]
        outage = Outage(sink, *ways)
        parked, telemetry, clock = Parked(), RecordingTelemetry(), Clock()
        tools = the_tools(outage.attempt, park=parked, telemetry=telemetry, now=clock, destination=destination)
        polled = Polled(tools, clock, islice(with_numbers(PROFILES), 1_500))
        await polled.until(lambda: len(sink.arrived) >= 300, seconds=0.0)
        for trouble in ("server-error", "timed-out", "connect-failed"):
            await outage.begin(trouble)
            await polled.until(lambda: not any(map(_took, telemetry.outcomes[-64:])), seconds=0.0)
            ends = clock.seconds + 20 * retry.max_elapsed_seconds
            await polled.until(lambda ends=ends: clock.seconds >= ends)  # type: ignore[misc]
            await polled.until(lambda why=trouble: why in telemetry.outcomes[-1].reason)  # type: ignore[misc,union-attr]
            assert telemetry.states[-1] == (FAULT, "nothing-delivered")
            assert polled.dispatch.backlog.pending <= 400
        outage.end()
        await polled.drained(seconds=0.0)

    assert parked.letters == []
    assert telemetry.counts == {ExportEnd.DELIVERED: 1_500}
    assert (sink.disorder, len(sink.ids), sink.repeated) == (0, 1_500, 0)
    assert telemetry.states[-1] == (WELL, "")


def _took(outcome: Outcome) -> bool:
    return isinstance(outcome, Delivered)


class Outage:
    """The ways to an endpoint in trouble: one that is in no hurry, one that is, and one to where nothing listens."""

    def __init__(self, sink: Sink, patient: Attempt, impatient: Attempt, gone: Attempt) -> None:
        self._sink, self._patient = sink, patient
        self._ways = {"server-error": patient, "timed-out": impatient, "connect-failed": gone}
        self._way, self._patient_ones = patient, 0

    async def attempt(self, export: Export) -> Outcome:
        way = self._way
        self._patient_ones += way is self._patient
        try:
            return await way(export)
        finally:
            self._patient_ones -= way is self._patient

    async def begin(self, trouble: str) -> None:
        self._sink.statuses, self._way = Always(), self._ways[trouble]
        if trouble == "timed-out":
            await until(lambda: not self._patient_ones, seconds=60, what="the end of those that are in no hurry")
        self._sink.seconds = 1_000.0 if trouble == "timed-out" else 0.0

    def end(self) -> None:
        self._sink.statuses, self._sink.seconds, self._way = {}, 0.0, self._patient


def with_numbers(keys: list[bytes]) -> Iterator[ARecord]:
    """Return records of these profiles in turn as a sink reads them."""
    for each in of_all(*keys):
        body = {"k": (each.key or b"").decode(), "n": each.offset}
        yield replace(each, value=json.dumps(body).encode())


class Always(dict[str, int]):
    """Every profile is answered 503."""

    def get(self, key: str, default: Any = None) -> Any:
        return 503


async def test_one_profile_that_always_fails_is_one_dead_letter_and_no_fault() -> None:
    scene = Scene([a_record(0, b"poison"), *islice(of_all(*PROFILES, start=1), 3_000)], max_pending=50)
    scene.answer = lambda key: FAILS if key == b"poison" else TOOK
    await scene.polled.until(lambda: bool(scene.letters), seconds=20.0)
    await scene.polled.drained()

    assert scene.letters == [(b"poison", Reason.EXHAUSTED, "server-error")]
    assert scene.delivered.total() == 3_000
    assert scene.faults == []


async def test_a_profile_that_holds_its_partition_at_max_ahead_ends_and_the_destination_goes_on() -> None:
    scene = Scene([a_record(0, b"poison"), *islice(of_all(*PROFILES, start=1), 300)], max_ahead=100, max_pending=50)
    scene.answer = lambda key: FAILS if key == b"poison" else TOOK
    await scene.polled.until(lambda: bool(scene.polled.dispatch.backlog.ahead))
    delivered = scene.delivered.total()
    assert delivered < 300
    await scene.polled.drained(seconds=10.0)

    assert scene.letters == [(b"poison", Reason.EXHAUSTED, "server-error")]
    assert scene.delivered.total() == 300
    assert scene.faults == []


async def test_a_hot_profile_that_fills_the_window_ends_one_by_one_and_the_destination_goes_on() -> None:
    hot = [a_record(n, b"hot") for n in range(50)]
    scene = Scene([*hot, *islice(of_all(*PROFILES, start=50), 100)], max_pending=50)
    scene.answer = lambda key: FAILS if key == b"hot" else TOOK
    await scene.polled.until(lambda: scene.delivered.total() == 100, seconds=100.0)

    assert {letter[1:] for letter in scene.letters} == {(Reason.EXHAUSTED, "server-error")}
    assert {key for key, _, _ in scene.letters} == {b"hot"}
    assert scene.faults == []
    await scene.polled.dispatch.release()


async def test_the_clock_runs_for_who_holds_all_up_and_not_for_who_waits_beside_it() -> None:
    scene = Scene(
        [a_record(0, b"first"), a_record(1, b"second"), *islice(of_all(*PROFILES, start=2), 300)],
        max_ahead=100,
        max_pending=50,
    )
    scene.answer = lambda key: FAILS if key in (b"first", b"second") else TOOK
    await scene.polled.until(lambda: bool(scene.polled.dispatch.backlog.ahead))
    await scene.polled.until(lambda: bool(scene.letters), seconds=10.0)

    assert [key for key, _, _ in scene.letters] == [b"first"]
    await scene.polled.dispatch.release()


async def test_three_that_fail_while_thousands_are_delivered_hold_nothing_up_for_good() -> None:
    bad = [b"x", b"y", b"z"]
    scene = Scene(
        [*(a_record(n, key) for n, key in enumerate(bad)), *islice(of_all(*PROFILES, start=3), 300)],
        max_ahead=100,
        max_pending=50,
    )
    scene.answer = lambda key: FAILS if key in bad else TOOK
    await scene.polled.until(lambda: scene.delivered.total() == 300, seconds=10.0)

    assert scene.faults == []
    await scene.polled.dispatch.release()


async def test_a_memory_that_others_have_filled_lets_no_clock_run() -> None:
    scene = Scene([a_record(0)])
    scene.answer = lambda key: FAILS
    await scene.polled.until(lambda: bool(scene.posted))
    scene.tools.shared.pending_bytes += scene.tools.shared.max_pending_bytes
    scene.tools.shared.floor_bytes = 0
    assert scene.polled.dispatch.full
    await scene.polled.until(lambda: scene.clock.seconds > 10_000.0, seconds=100.0)

    assert scene.letters == []
    await scene.polled.dispatch.release()


async def test_a_forbidden_profile_is_refused_for_itself_and_the_others_are_delivered_without_flapping() -> None:
    scene = Scene(islice(of_all(b"bad", *PROFILES), 2_050), max_pending=200)
    scene.answer = lambda key: FORBIDS if key == b"bad" else TOOK
    await scene.polled.drained()

    assert scene.letters == [(b"bad", Reason.REFUSED, "forbidden")] * 50
    assert scene.delivered.total() == 2_000
    assert scene.faults in (["forbidden"], [])


async def test_a_forbidden_profile_that_comes_alone_waits_until_another_comes() -> None:
    coming = asyncio.Event()
    first = [a_record(0, b"bad")]
    scene = Scene(first)
    scene.answer = lambda key: FORBIDS if key == b"bad" else TOOK
    await scene.polled.until(lambda: len(scene.posted) >= 5)
    assert (scene.faults, scene.letters) == (["forbidden"], [])
    assert not scene.polled.dispatch.full, "else no other could come"

    coming.set()
    scene.polled.records = iter([a_record(1, b"good"), a_record(2, b"bad")])
    await scene.polled.drained()
    assert scene.letters == [(b"bad", Reason.REFUSED, "forbidden")] * 2
    assert scene.faults == ["forbidden"]


async def test_many_forbidden_profiles_are_refused_and_the_others_are_delivered() -> None:
    bad = {b"p%d" % n for n in range(0, 40, 8)}
    scene = Scene(islice(of_all(*PROFILES), 2_000), max_pending=200)
    scene.answer = lambda key: FORBIDS if key in bad else TOOK
    await scene.polled.drained()

    assert len(scene.letters) == 250
    assert scene.delivered.total() == 1_750
    assert len(scene.faults) <= 2


async def test_of_an_outage_that_forbids_all_nobody_is_refused() -> None:
    scene = Scene(islice(of_all(*PROFILES), 400), max_pending=100)
    scene.answer = lambda key: FORBIDS
    await scene.polled.until(lambda: len(scene.posted) >= 150)
    assert scene.reason == "forbidden"

    scene.answer = lambda key: TOOK
    await scene.polled.drained()
    assert (scene.letters, scene.delivered.total()) == ([], 400)


async def test_a_storm_of_refusals_ends_no_more_than_its_window_and_is_over_with_a_delivery() -> None:
    scene = Scene(islice(of_all(*PROFILES), 400), max_pending=100)
    scene.answer = lambda key: REFUSES
    await scene.polled.until(lambda: len(scene.posted) >= 200)
    assert scene.faults == ["storm"]
    letters = len(scene.letters)
    assert letters < LIMIT
    assert scene.most_open <= 8

    scene.answer = lambda key: TOOK
    await scene.polled.drained()
    assert scene.telemetry.counts == {ExportEnd.DELIVERED: 400 - letters, ExportEnd.DEAD_LETTERED: letters}
    assert scene.telemetry.states[-1] == (WELL, "")


async def test_at_fault_nothing_more_is_fetched_until_all_that_is_here_has_failed() -> None:
    scene = Scene(list(islice(of_all(*PROFILES), 20)))
    scene.answer = lambda key: FORBIDS
    await scene.polled.until(lambda: scene.reason is not None)
    scene.polled.records = islice(of_all(*PROFILES, start=20), 20)
    while scene.polled.taken == 20:
        if set(scene.posted) != set(PROFILES[:20]):
            assert scene.polled.dispatch.full
        await scene.polled.poll()
    assert set(scene.posted) == set(PROFILES[:20])
    await scene.polled.dispatch.release()


async def test_the_waiting_profiles_are_probed_in_turn() -> None:
    scene = Scene([a_record(n, PROFILES[n]) for n in range(5)], max_in_flight=1)
    scene.answer = lambda key: FORBIDS
    await scene.polled.until(lambda: len(scene.posted) >= 20)

    assert scene.posted[:20] == PROFILES[:5] * 4
    await scene.polled.dispatch.release()


async def test_a_new_assignment_goes_on_being_at_fault_with_one_probe_at_a_time() -> None:
    scene = Scene(list(islice(of_all(*PROFILES), 40)))
    scene.answer = lambda key: FORBIDS
    await scene.polled.until(lambda: scene.reason is not None)
    await scene.polled.dispatch.release()
    scene.most_open = 0
    scene.polled.anew().accept(P0, list(islice(of_all(*PROFILES), 40)))
    await asyncio.sleep(0.01)
    await scene.polled.until(lambda: len(scene.posted) >= 60)
    assert scene.most_open == 1

    scene.answer = lambda key: TOOK
    await scene.polled.drained()
    assert scene.telemetry.states[-1] == (WELL, "")


async def test_a_fault_is_over_where_nothing_waits_for_long() -> None:
    scene = Scene([a_record(0)])
    scene.answer = lambda key: FORBIDS
    await scene.polled.until(lambda: scene.reason is not None)
    await scene.polled.dispatch.release()
    scene.polled.anew()
    await scene.polled.until(lambda: scene.clock.seconds >= 1_020.0)
    assert scene.reason == "forbidden", "perhaps it only has not been fetched yet"

    await scene.polled.until(lambda: scene.reason is None)
    assert scene.telemetry.states[-1] == (WELL, "")
    await scene.polled.dispatch.release()


async def test_who_waits_for_a_slot_of_the_process_is_not_sent_once_the_destination_is_at_fault() -> None:
    shared, posted = Shared(max_in_flight=1), list[bytes]()
    go = asyncio.Event()

    async def attempt(export: Export) -> Outcome:
        posted.append(export.key)
        await go.wait()
        return FORBIDS

    retry = Retry(first_seconds=60.0)
    clock = Clock()
    tools = the_tools(attempt, shared=shared, now=clock, destination=a_destination(retry=retry))
    polled = Polled(tools, clock, [a_record(n, PROFILES[n]) for n in range(5)])
    await polled.until(lambda: len(posted) == 1)
    go.set()
    await polled.until(lambda: tools.health.fault is not None and polled.dispatch.in_flight == 0)

    assert len(posted) == 1
    assert shared.slots.take()
    await polled.dispatch.release()


async def test_those_that_waited_for_a_slot_are_probes_in_turn_and_not_all_at_once() -> None:
    scene = Scene([a_record(0, b"first")], max_in_flight=4)
    scene.answer = lambda key: FORBIDS
    slots = scene.tools.shared.slots = Slots(1)
    go, attempt = asyncio.Event(), scene.tools.attempt

    async def slowly(export: Export) -> Outcome:
        await go.wait()
        return await attempt(export)

    scene.polled.tools = replace(scene.tools, attempt=slowly)
    dispatch = scene.polled.anew()
    await scene.polled.until(lambda: dispatch.in_flight == 1)
    await asyncio.sleep(0.01)
    another = asyncio.ensure_future(slots.taken())  # of another destination, which asked first
    await asyncio.sleep(0)
    scene.polled.records = (a_record(n, PROFILES[n]) for n in range(1, 4))
    await scene.polled.until(lambda: dispatch.in_flight == 4)
    go.set()
    await scene.polled.until(lambda: scene.reason is not None and another.done())
    await asyncio.sleep(0.02)  # the next probe is due, and there is no slot
    assert scene.posted == [b"first"]

    for _ in range(4):
        slots.give()
    await scene.polled.until(lambda: len(scene.posted) >= 20)
    assert scene.most_open == 1
    await dispatch.release()


async def test_the_clock_stands_at_fault_however_short_ago_an_export_was_delivered() -> None:
    scene = Scene([a_record(0, b"poison"), a_record(1, b"good"), a_record(2, b"bad")], max_in_flight=1)
    answers: dict[bytes, Outcome] = {b"poison": FAILS, b"good": TOOK, b"bad": NO_TLS}
    scene.answer = answers.__getitem__
    await scene.polled.until(lambda: scene.reason is not None, seconds=0.0)
    before = scene.tools.progress.elapsed(scene.clock.seconds)
    await scene.polled.until(lambda: scene.clock.seconds >= 1_100.0)

    assert scene.reason == "tls-failed"
    assert scene.tools.progress.elapsed(scene.clock.seconds) == before
    await scene.polled.dispatch.release()


async def test_a_probe_waits_as_long_as_the_endpoint_asks_also_after_a_rebalance() -> None:
    scene = Scene(list(islice(of_all(*PROFILES), 10)), max_in_flight=1)
    scene.answer = lambda key: DestinationFault("gone", 410, retry_after=600.0)
    await scene.polled.until(lambda: scene.reason is not None)
    await scene.polled.dispatch.release()
    scene.polled.anew()
    scene.polled.records = islice(of_all(*PROFILES), 10)
    for _ in range(50):
        await scene.polled.poll(0.0)

    assert len(scene.posted) == 1
    await scene.polled.dispatch.release()


async def test_an_operator_lets_the_refused_ones_end_and_no_others() -> None:
    scene = Scene(islice(of_all(*PROFILES), 40), max_in_flight=1)
    scene.answer = lambda key: REFUSES
    await scene.polled.until(lambda: len(scene.posted) >= 30)
    assert scene.reason == "storm"
    await scene.polled.dispatch.release()
    waited = {record.key for record, _ in scene.parked.letters}
    assert scene.tools.refusals.accept() >= 5
    scene.tools.health.over()

    scene.answer = lambda key: TOOK
    scene.polled.anew()
    scene.polled.records = (each for each in islice(of_all(*PROFILES), 40) if each.key not in waited)
    await scene.polled.drained()
    tried = {*scene.posted[: scene.posted.index(next(iter(scene.delivered)))]}
    assert set(scene.delivered) == set(PROFILES) - tried
    assert {letter[1:] for letter in scene.letters} == {(Reason.REFUSED, "not-found")}
    assert {failure.status for _, failure in scene.parked.letters} == {404}
    assert all((failure.attempts or 0) >= 1 for _, failure in scene.parked.letters)
    assert not scene.tools.refusals


async def test_after_so_long_at_fault_what_fails_becomes_a_dead_letter() -> None:
    scene = Scene(islice(of_all(*PROFILES), 100), max_pause_seconds=3_600.0)
    scene.answer = lambda key: FORBIDS
    await scene.polled.until(lambda: scene.clock.seconds >= 4_500.0, seconds=50.0)
    assert scene.letters == []
    await scene.polled.until(lambda: len(scene.letters) >= 50, seconds=100.0)
    assert scene.faults == ["forbidden"]

    scene.answer = lambda key: TOOK
    await scene.polled.drained()
    assert {letter[1:] for letter in scene.letters} == {(Reason.EXHAUSTED, "forbidden")}
    assert len(scene.letters) + scene.delivered.total() == 100
