"""The outbox keeps order, confirms a record only with all its rows, and says when it is full."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from streams.activation.outbox import Outbox, UnplacedError
from streams.activation.outlets import Batch
from streams.activation.rounds import Header, Round, Row


@dataclass
class TinyBatch:
    """A batch that takes two rows."""

    rows: list[tuple[bytes | None, bytes | None]] = field(default_factory=list)
    closed: bool = False

    def append(
        self, *, timestamp: int | None, key: bytes | None, value: bytes | None, headers: Sequence[Header]
    ) -> object | None:
        if self.closed or len(self.rows) == 2 or value == b"huge":
            return None
        self.rows.append((key, value))
        return self.rows

    def close(self) -> None:
        self.closed = True


class Broker:
    """A log per partition that confirms when it is told to."""

    def __init__(self) -> None:
        self.logs: dict[tuple[str, int], list[tuple[bytes | None, bytes | None]]] = {}
        self.answers: asyncio.Queue[Callable[[], None]] = asyncio.Queue()
        self.held = False
        self.abandoned = 0

    def create_batch(self) -> TinyBatch:
        return TinyBatch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[SimpleNamespace]:
        assert isinstance(batch, TinyBatch)
        answer: asyncio.Future[SimpleNamespace] = asyncio.get_running_loop().create_future()
        log = self.logs.setdefault((topic, partition), [])
        offset = len(log)
        log.extend(batch.rows)

        def confirm() -> None:
            answer.set_result(SimpleNamespace(offset=offset))

        if self.held:
            self.answers.put_nowait(confirm)
        else:
            confirm()
        return answer

    async def refusal(self, topic: str, partition: int | None = None) -> str | None:
        return None

    def abandon(self) -> None:
        self.abandoned += 1


@asynccontextmanager
async def running(outbox: Outbox[int]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(outbox.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, ValueError):
            await task


def row(key: bytes, value: bytes | None = b"v", headers: list[Header] | None = None) -> Row:
    return Row(key, value, headers or [])


async def test_rows_stand_in_the_order_they_were_put_however_many_batches_they_need() -> None:
    broker, rounds = Broker(), list[Round[int]]()
    outbox: Outbox[int] = Outbox(broker, rounds.append)
    for number in range(7):
        outbox.put("changelog", 0, row(b"k", b"%d" % number))
        outbox.put("exports", 0, row(b"k", b"%d" % number))
        outbox.settle(number)

    async with running(outbox):
        await outbox.idle()

    assert [value for _, value in broker.logs["changelog", 0]] == [b"%d" % n for n in range(7)]
    assert [value for _, value in broker.logs["exports", 0]] == [b"%d" % n for n in range(7)]
    assert [r.last_offsets for r in rounds] == [{("changelog", 0): 6, ("exports", 0): 6}]
    assert [r.settled for r in rounds] == [list(range(7))]


async def test_a_record_is_confirmed_only_when_every_batch_of_its_round_is() -> None:
    broker, rounds = Broker(), list[Round[int]]()
    broker.held = True
    outbox: Outbox[int] = Outbox(broker, rounds.append)
    outbox.put("changelog", 0, row(b"a"))
    outbox.put("exports", 0, row(b"a"))
    outbox.settle(1)

    async with running(outbox):
        first, second = await broker.answers.get(), await broker.answers.get()
        second()
        await asyncio.sleep(0)
        assert not rounds
        first()
        await outbox.idle()

    assert [r.settled for r in rounds] == [[1]]


async def test_what_is_put_during_a_round_leaves_in_the_next() -> None:
    broker, rounds = Broker(), list[Round[int]]()
    broker.held = True
    outbox: Outbox[int] = Outbox(broker, rounds.append)
    outbox.put("changelog", 0, row(b"a", b"1"))
    outbox.settle(1)

    async with running(outbox):
        first = await broker.answers.get()
        outbox.put("changelog", 0, row(b"a", b"2"))
        outbox.settle(2)
        await asyncio.sleep(0)
        assert broker.answers.empty()
        first()
        (await broker.answers.get())()
        await outbox.idle()

    assert [r.settled for r in rounds] == [[1], [2]]


async def test_a_full_round_holds_the_reader_until_it_is_taken() -> None:
    broker = Broker()
    outbox: Outbox[int] = Outbox(broker, lambda _: None, max_records=2)
    outbox.settle(1)
    assert not outbox.full
    outbox.settle(2)
    assert outbox.full

    async with running(outbox):
        await asyncio.wait_for(outbox.room(), 90)

    assert not outbox.full


async def test_a_refused_batch_ends_the_run_and_settles_nothing() -> None:
    class Refusing(Broker):
        async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[SimpleNamespace]:
            answer: asyncio.Future[SimpleNamespace] = asyncio.get_running_loop().create_future()
            answer.set_exception(ConnectionError(topic))
            return answer

    rounds = list[Round[int]]()
    outbox: Outbox[int] = Outbox(Refusing(), rounds.append)
    outbox.put("changelog", 0, row(b"a"))
    outbox.put("exports", 0, row(b"a"))
    outbox.settle(1)

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(outbox.run(), 90)

    assert not rounds


async def test_a_row_that_fits_no_batch_is_said_not_skipped() -> None:
    outbox: Outbox[int] = Outbox(Broker(), lambda _: None)
    outbox.put("changelog", 0, row(b"a", b"huge"))
    outbox.settle(1)

    with pytest.raises(ValueError, match="fits no batch"):
        await asyncio.wait_for(outbox.run(), 90)


async def test_a_batch_that_is_confirmed_without_its_place_ends_the_run_and_settles_nothing() -> None:
    class Forgetful(Broker):
        async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> asyncio.Future[SimpleNamespace]:
            answer: asyncio.Future[SimpleNamespace] = asyncio.get_running_loop().create_future()
            answer.set_result(SimpleNamespace(offset=-1))  # aiokafka's word for a duplicate sequence number
            return answer

    rounds = list[Round[int]]()
    outbox: Outbox[int] = Outbox(Forgetful(), rounds.append)
    outbox.put("changelog", 0, row(b"a"))
    outbox.settle(1)

    with pytest.raises(UnplacedError, match="changelog-0"):
        await asyncio.wait_for(outbox.run(), 90)

    assert not rounds


async def test_what_is_written_ahead_is_confirmed_before_the_rest_of_its_round_is_sent() -> None:
    broker, rounds = Broker(), list[Round[int]]()
    broker.held = True
    outbox: Outbox[int] = Outbox(broker, rounds.append, ahead="states")
    for number in range(3):
        outbox.put("exports", 0, row(b"k%d" % number))
        outbox.put("states", 0, row(b"k%d" % number))
    outbox.settle(1)
    async with running(outbox):
        for batches in (1, 2):
            confirm = await asyncio.wait_for(broker.answers.get(), 90)
            assert broker.logs.keys() == {("states", 0)}
            assert len(broker.logs["states", 0]) == min(2 * batches, 3)
            confirm()
        (await asyncio.wait_for(broker.answers.get(), 90))()
        (await asyncio.wait_for(broker.answers.get(), 90))()
        await asyncio.wait_for(outbox.idle(), 90)

    assert rounds[0].last_offsets == {("states", 0): 2, ("exports", 0): 2}


async def test_rows_that_settle_nothing_leave_when_they_are_sent() -> None:
    broker, rounds = Broker(), list[Round[int]]()
    outbox: Outbox[int] = Outbox(broker, rounds.append)
    outbox.put("states", 0, row(b"k", None))
    outbox.send()
    async with running(outbox):
        await asyncio.wait_for(outbox.idle(), 90)

    assert broker.logs["states", 0] == [(b"k", None)]
    assert rounds[0].settled == []


async def test_what_was_put_is_flushed_once_it_is_confirmed_whatever_is_put_meanwhile() -> None:
    broker, rounds = Broker(), list[Round[int]]()
    broker.held = True
    outbox: Outbox[int] = Outbox(broker, rounds.append)
    await outbox.flushed()  # nothing is put
    outbox.put("exports", 0, row(b"a", b"1"))
    outbox.settle(1)
    async with running(outbox):
        first = await asyncio.wait_for(broker.answers.get(), 90)
        flushed = asyncio.ensure_future(outbox.flushed())
        await asyncio.sleep(0)
        outbox.put("exports", 0, row(b"a", b"2"))
        outbox.settle(2)
        both = asyncio.ensure_future(outbox.flushed())
        await asyncio.sleep(0)
        assert not flushed.done()
        first()
        await asyncio.wait_for(flushed, 90)
        second = await asyncio.wait_for(broker.answers.get(), 90)
        assert not both.done()
        second()
        await asyncio.wait_for(both, 90)


async def test_what_is_abandoned_is_waited_for_no_longer() -> None:
    outbox: Outbox[int] = Outbox(Broker(), lambda _: None)
    outbox.put("exports", 0, row(b"a"))
    outbox.settle(1)
    flushed = asyncio.ensure_future(outbox.flushed())
    await asyncio.sleep(0)

    outbox.abandon()

    await asyncio.wait_for(flushed, 90)
