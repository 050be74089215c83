"""A sink that is slow, or refuses: the group waits for the one, and nothing is committed for the other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from streams.engine import Message
from tests.brokers.client import Client
from tests.engine.running import Seen, engine_on, started, stock_on, topics_for
from tests.waiting import until

pytestmark = pytest.mark.kafka

INTERVAL = 1.5
"""max.poll.interval in these tests."""


def beats_of(app: Any) -> list[None]:
    """Return a list that grows with each heartbeat of *app*'s group member."""
    coordinator, beats = app.consumer._thread._consumer._coordinator, list[None]()
    beat = coordinator._do_heartbeat

    async def counted() -> bool:
        beats.append(None)
        answer: bool = await beat()
        return answer

    coordinator._do_heartbeat = counted
    return beats


async def test_stock_leaves_its_group_behind_a_slow_sink(client: Client, unique: str) -> None:
    source, _ = await topics_for(client, unique)
    await client.produce(source, [(b"k", b"v")] * 100)
    app, _ = stock_on(
        client, unique, broker_max_poll_interval=INTERVAL, broker_max_poll_records=4, stream_buffer_maxsize=8
    )

    async def agent(stream: Any) -> None:
        async for _ in stream:
            await asyncio.Event().wait()

    app.agent(app.topic(source, key_type=bytes, value_type=bytes), name=unique)(agent)
    async with started(app):
        await until(lambda: bool(app.consumer._buffered_partitions), 20, "full buffers")
        coordinator = app.consumer._thread._consumer._coordinator
        await until(lambda: coordinator.member_id == "", 20, "leaving: upstream has mended defect C")


async def test_a_slow_sink_does_not_cost_the_membership(client: Client, unique: str) -> None:
    source, _ = await topics_for(client, unique)
    await client.produce(source, [(b"k", b"%d" % n) for n in range(100)])
    engine = engine_on(client, unique, max_poll_interval=INTERVAL, max_poll_records=4, buffer=8)
    seen, gone, back = Seen(engine), asyncio.Event(), asyncio.Event()

    async def room() -> None:
        gone.set()
        await back.wait()

    engine.consume(source, seen, room=room)
    async with started(engine.app):
        await asyncio.wait_for(gone.wait(), 90)
        assignment, beats = engine.app.consumer.assignment_count, beats_of(engine.app)
        await until(lambda: len(beats) >= 3 * INTERVAL / 0.3, 30, "three intervals of heartbeats")
        kept = engine.app.consumer.assignment_count == assignment and engine.ready
        back.set()
        await until(lambda: len(seen.values) == 100, 20, "all records")

    assert kept
    assert seen.values == [b"%d" % n for n in range(100)]
    assert await client.committed(unique, source) == {0: 100}


async def test_stock_commits_although_the_changelog_refuses_the_rows(client: Client, unique: str) -> None:
    source, changelog = await topics_for(client, unique, max_message_bytes="120")
    await client.produce(source, [(b"k%d" % n, b"v" * 400) for n in range(20)])
    app, table = stock_on(client, unique)

    async def agent(stream: Any) -> None:
        async for event in stream.events():
            table[event.key] = event.value

    app.agent(app.topic(source, key_type=bytes, value_type=bytes), name=unique)(agent)
    async with started(app):

        async def committed() -> bool:
            return await client.committed(unique, source) == {0: 20}

        await until(committed, 20, "the commit: upstream has mended defect E")

        assert await client.end_offsets(changelog) == {0: 0}


async def test_a_row_that_the_changelog_refuses_ends_the_worker_and_nothing_is_committed(
    client: Client, unique: str
) -> None:
    source, changelog = await topics_for(client, unique, max_message_bytes="120")
    await client.produce(source, [(b"k%d" % n, b"v" * 400) for n in range(20)])
    engine = engine_on(client, unique)
    producer = AIOKafkaProducer(bootstrap_servers=client.bootstrap)
    await producer.start()
    writes = list[asyncio.Task[None]]()

    async def write(message: Message) -> None:
        try:
            row = await producer.send_and_wait(engine.table.changelog_topic, message.value, message.key, partition=0)
            engine.table.write(0, {message.key or b"": message.value}, row.offset)
            engine.acknowledge(message)
        except Exception as error:
            engine.crash(error)

    engine.consume(source, lambda message: writes.append(asyncio.create_task(write(message))))
    async with started(engine.app):
        await until(lambda: engine.app.crashed, 20, "the crash")
    await asyncio.gather(*writes)
    await producer.stop()

    assert await client.committed(unique, source) == {}
    assert engine.table.changelog_topic == changelog


async def test_the_table_is_not_written_past_the_outbox(client: Client, unique: str) -> None:
    table = engine_on(client, unique).app.tables["profiles"]

    with pytest.raises(RuntimeError, match="after the broker has confirmed"):
        table[b"k"] = b"v"
    with pytest.raises(RuntimeError, match="after the broker has confirmed"):
        del table[b"k"]


async def aborted_and_committed(client: Client, topic: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=client.bootstrap, transactional_id=topic)
    await producer.start()
    for value, commit in ((b"aborted", False), (b"committed", True)):
        await producer.begin_transaction()
        await producer.send(topic, value, b"k")
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    await producer.stop()


async def test_stock_reads_what_its_writer_has_taken_back(client: Client, unique: str) -> None:
    source, _ = await topics_for(client, unique)
    await aborted_and_committed(client, source)
    app, _ = stock_on(client, unique)
    seen = list[bytes]()

    async def agent(stream: Any) -> None:
        async for value in stream:
            seen.append(value)

    app.agent(app.topic(source, key_type=bytes, value_type=bytes), name=unique)(agent)
    async with started(app):
        await until(lambda: b"committed" in seen, 20, "the committed record")

    assert b"aborted" in seen, "upstream reads committed records only"


async def test_what_its_writer_has_taken_back_is_not_read(client: Client, unique: str) -> None:
    source, _ = await topics_for(client, unique)
    await aborted_and_committed(client, source)
    engine = engine_on(client, unique)
    seen = Seen(engine)
    engine.consume(source, seen)
    async with started(engine.app):
        await until(lambda: len(seen.values) > 0, 20, "a record")
        await client.produce(source, [(b"k", b"after")])
        await until(lambda: b"after" in seen.values, 20, "the next record")

    assert seen.values == [b"committed", b"after"]


async def test_the_producer_is_idempotent_where_stock_is_not(client: Client, unique: str) -> None:
    await topics_for(client, unique)
    engine, (stock, _) = engine_on(client, unique), stock_on(client, unique)
    async with started(engine.app.producer) as ours, started(stock.producer) as theirs:
        await asyncio.gather(ours, theirs)

        assert engine.app.producer._producer._txn_manager is not None
        assert stock.producer._producer._txn_manager is None, "upstream has an idempotent producer"


async def test_what_a_handler_raises_ends_the_worker_and_its_record_is_not_committed(
    client: Client, unique: str
) -> None:
    source, _ = await topics_for(client, unique)
    await client.produce(source, [(b"k", b"%d" % n) for n in range(5)])
    engine = engine_on(client, unique)
    seen = Seen(engine)

    def handle(message: Message) -> None:
        if message.offset == 3:
            raise ArithmeticError
        seen(message)

    engine.consume(source, handle)
    async with started(engine.app):
        await until(lambda: engine.app.crashed, 20, "the crash")

    assert isinstance(engine.app.crash_reason, ArithmeticError)
    assert await client.committed(unique, source) == {0: 3}
