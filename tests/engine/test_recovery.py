"""State is complete before the first record: loaded from the changelog, whatever stands in it, or no start at all."""

from __future__ import annotations

import asyncio
import random
import threading
from pathlib import Path
from typing import Any, Literal

import faust
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from faust.transport.drivers import aiokafka as driver

from streams.engine.loader import EMPTY_ANSWERS, Loader
from streams.engine.progress import RecoveryProgress
from streams.engine.recovery import ChangelogMismatchError
from streams.engine.states import MemoryState
from tests.brokers.client import Client, Pair
from tests.engine.fakes import FakeRecord
from tests.engine.running import Seen, engine_on, started, stock_on, topics_for
from tests.waiting import until

pytestmark = pytest.mark.kafka


async def transaction(client: Client, topic: str, rows: list[Pair], *, commit: bool) -> None:
    """Write *rows* in a transaction, whose marker then stands behind them."""
    producer = AIOKafkaProducer(bootstrap_servers=client.bootstrap, transactional_id=f"{topic}-{commit}")
    await producer.start()
    try:
        await producer.begin_transaction()
        for key, value in rows:
            await producer.send(topic, value, key)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    finally:
        await producer.stop()


def some_rows(dice: random.Random, count: int) -> list[Pair]:
    """Overwrites and removals of a few keys."""
    return [
        (b"k%d" % dice.randrange(count // 4), None if dice.random() < 0.2 else b"%d" % dice.randrange(10**9))
        for _ in range(count)
    ]


@pytest.mark.parametrize("store", ["rocksdb", "memory"])
async def test_the_state_is_what_the_changelog_says_however_it_was_written(
    client: Client, unique: str, tmp_path: Path, store: Literal["rocksdb", "memory"]
) -> None:
    _, changelog = await topics_for(client, unique)
    dice, expected = random.Random(7), dict[bytes | None, bytes | None]()
    for round_ in range(3):
        rows = some_rows(dice, 800)
        await client.produce(changelog, rows)
        await transaction(client, changelog, [(b"aborted", b"%d" % round_), (b"k1", b"aborted")], commit=False)
        committed = some_rows(dice, 100)
        await transaction(client, changelog, committed, commit=True)  # the changelog ends with its marker
        expected.update(rows)
        expected.update([*committed, (b"aborted", None)])
        engine = engine_on(client, unique, store=store, directory=tmp_path)
        engine.consume(f"{unique}-inputs", Seen())
        async with started(engine.app):
            await until(lambda app=engine: app.ready, 8, f"recovery {round_} (a wait for empty answers takes longer)")

            assert {key: engine.table.get(0, key or b"") for key in expected} == expected


async def test_stock_waits_for_ever_behind_a_transaction_marker(client: Client, unique: str) -> None:
    source, changelog = await topics_for(client, unique)
    await transaction(client, changelog, [(b"a", b"1")], commit=True)
    app, _ = stock_on(client, unique)
    app.agent(app.topic(source, key_type=bytes, value_type=bytes), name=unique)(_ignore)
    async with started(app) as starting:
        end = TopicPartition(changelog, 0)

        async def everything_read() -> bool:
            return bool(app.in_recovery and await app.consumer.position(end) == 2)

        await until(everything_read, 20, "reading to the end of the changelog")

        assert app.tables.recovery.active_remaining_total() > 0, "nothing can come any more: mended upstream"
        assert not starting.done()


async def _ignore(stream: Any) -> None:
    async for _ in stream:
        pass


async def test_stock_drops_records_that_are_fetched_while_it_ends_its_recovery(client: Client, unique: str) -> None:
    source, changelog = await topics_for(client, unique)
    await client.produce(source, [(b"k", b"%d" % n) for n in range(20)])
    await client.produce(changelog, [(b"k", b"state")])
    app, _ = stock_on(client, unique)
    seen, go = list[bytes](), asyncio.Event()

    async def agent(stream: Any) -> None:
        async for value in stream:
            seen.append(value)
            await go.wait()  # the others stand in the queue

    class Slow(driver.Consumer):  # type: ignore[misc]  # Faust ships no usable hints
        async def perform_seek(self) -> None:
            # The answer to the offset request takes as long as the fetches of the records that are there.
            await until(lambda: position_of(self, source, 20), 20, "fetching the source's records")
            await super().perform_seek()

    app.transport.Consumer = Slow
    app.agent(app.topic(source, key_type=bytes, value_type=bytes), name=unique)(agent)
    async with started(app) as starting:
        await asyncio.wait_for(asyncio.shield(starting), 90)
        go.set()
        await client.produce(source, [(b"k", b"last")])
        await until(lambda: b"last" in seen, 20, "the last record")

        assert len(seen) < 21, "upstream has mended defect B"


async def position_of(consumer: Any, topic: str, offset: int) -> bool:
    return bool(await consumer.position(TopicPartition(topic, 0)) == offset)


async def test_nothing_is_handed_on_before_the_recovery_has_ended_whoever_resumes_what(
    client: Client, unique: str
) -> None:
    source, changelog = await topics_for(client, unique)
    await client.produce(source, [(b"k", b"%d" % n) for n in range(20)])
    await client.produce(changelog, [(b"k", b"state")])
    loading, go = threading.Event(), threading.Event()

    def hold(_: bytes) -> None:
        loading.set()
        go.wait(30)

    engine = engine_on(client, unique, check_value=hold)
    seen, states = Seen(engine), list[bytes | None]()

    def handle(message: Any) -> None:
        states.append(engine.table.get(0, b"k"))
        seen(message)

    engine.consume(source, handle)
    async with started(engine.app):
        await until(loading.is_set, 20, "the load")
        app = engine.app
        app.consumer.resume_partitions({faust.types.TP(source, 0)})
        app.flow_control.resume()
        await app._fetcher.maybe_start()
        fetched = aiokafka_fetched(app, source)
        await until(fetched, 20, "the source's records in aiokafka's buffer")
        early = list(seen.values)
        go.set()
        await until(lambda: len(seen.values) >= 20, 20, "all records")

    assert early == []
    assert seen.values == [b"%d" % n for n in range(20)]
    assert set(states) == {b"state"}


def aiokafka_fetched(app: Any, topic: str) -> Any:
    """Return a condition: the records of *topic* have arrived in the process."""
    fetcher = app.consumer._thread._consumer._fetcher
    return lambda: TopicPartition(topic, 0) in fetcher._records


async def test_a_state_that_this_release_does_not_read_ends_the_worker_before_the_first_record(
    client: Client, unique: str
) -> None:
    source, changelog = await topics_for(client, unique)
    await client.produce(source, [(b"k", b"v")])
    await client.produce(changelog, [(b"a", b"1"), (b"b", b"2 from the future")])

    def check(value: bytes) -> None:
        if not value.startswith(b"1"):
            raise LookupError("encoding 2")

    engine = engine_on(client, unique, check_value=check)
    seen = Seen(engine)
    engine.consume(source, seen)
    async with started(engine.app):
        await until(lambda: engine.app.crashed, 20, "the crash")

    assert isinstance(engine.app.crash_reason, LookupError)
    assert (seen.messages, engine.ready) == ([], False)


async def test_a_changelog_with_too_few_partitions_ends_the_worker(client: Client, unique: str) -> None:
    await client.create_topic(f"{unique}-inputs", 2)
    await client.create_topic(f"{unique}-profiles-changelog", 1)
    engine = engine_on(client, unique, partitions=2)
    engine.consume(f"{unique}-inputs", Seen())
    async with started(engine.app):
        await until(lambda: engine.app.crashed, 20, "the crash")

    assert isinstance(engine.app.crash_reason, ChangelogMismatchError)


async def test_a_stop_ends_a_load_at_its_next_step_and_the_state_says_how_far_it_came(
    client: Client, unique: str
) -> None:
    source, changelog = await topics_for(client, unique)
    await client.produce(changelog, [(b"%d" % n, b"v") for n in range(12_000)])
    loading, go = threading.Event(), threading.Event()

    def hold(_: bytes) -> None:
        loading.set()
        go.wait(30)

    state = MemoryState()
    engine = engine_on(client, unique, check_value=hold)
    engine._faust_table.data._places.open = lambda _: state
    engine.consume(source, Seen())
    async with started(engine.app):
        await until(loading.is_set, 20, "the load")
        recovery = engine.app.tables.recovery
        background = recovery._background
        stopping = asyncio.create_task(engine.app.stop())
        await until(lambda: background._cancelled, 20, "the cancellation")
        offset = state.offset
        go.set()
        await asyncio.wait_for(stopping, 90)

    assert (offset or 0) < 11_999
    assert state.get(b"11999") is None


async def test_a_rebalance_ends_a_load_and_the_next_assignment_completes_it(client: Client, unique: str) -> None:
    source, changelog = await topics_for(client, unique, 2)
    for partition in range(2):
        await client.produce(changelog, [(b"%d" % n, b"v") for n in range(50)], partition=partition)
    loading, go = threading.Event(), threading.Event()

    def hold(_: bytes) -> None:
        loading.set()
        go.wait(30)

    first = engine_on(client, unique, partitions=2, check_value=hold)
    second = engine_on(client, unique, partitions=2)
    for engine in (first, second):
        engine.consume(source, Seen(engine))
    async with started(first.app):
        await until(loading.is_set, 20, "the load")
        background = first.app.tables.recovery._background
        async with started(second.app):
            await until(lambda: background._cancelled, 20, "the rebalance")
            go.set()
            await until(lambda: first.ready and second.ready, 20, "both")
            states = [engine._faust_table.data.states for engine in (first, second)]

            assert sorted([*states[0], *states[1]]) == [0, 1]
            assert all(state.get(b"49") == b"v" for held in states for state in held.values())


async def test_a_changelog_whose_end_was_cleaned_away_is_complete_after_enough_empty_answers() -> None:
    class Cleaned:
        """Offsets up to 9, records up to 4."""

        position_, answers = 0, 0

        async def end_offsets(self, partitions: Any) -> Any:
            return dict.fromkeys(partitions, 10)

        async def beginning_offsets(self, partitions: Any) -> Any:
            return dict.fromkeys(partitions, 0)

        async def getmany(self, *, timeout_ms: int, max_records: int) -> Any:
            self.answers += 1
            if self.position_:
                return {}
            self.position_ = 5
            return {TopicPartition("t", 0): [FakeRecord(n, key=b"%d" % n) for n in range(5)]}

        async def position(self, partition: Any) -> int:
            return self.position_

        def seek(self, partition: Any, offset: int) -> None:
            self.position_ = offset

        def last_poll_timestamp(self, partition: Any) -> int:
            return self.answers // 2  # some calls bring no new answer: they must not count

    source, state = Cleaned(), MemoryState()
    progress = RecoveryProgress([0])
    await Loader(source, lambda _: None, progress, retention=3600.0).load(TopicPartition("t", 0), state)

    assert (progress.loaded, state.offset, state.get(b"4")) == (5, 9, b"v")
    assert source.answers >= 2 * EMPTY_ANSWERS
