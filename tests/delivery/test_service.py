from __future__ import annotations

import asyncio

import pytest

from streams.ends import ExportEnd, Reason
from streams.exports import dead_letters_topic
from tests.brokers.client import Client
from tests.deliverables import RecordingTelemetry
from tests.delivery.benches import a_bench
from tests.waiting import until

pytestmark = pytest.mark.kafka

KEYS = [f"p{number}" for number in range(50)]


def the_keys(count: int) -> list[str]:
    return [KEYS[number * 7 % len(KEYS)] for number in range(count)]


async def test_each_profile_arrives_in_order_over_all_partitions(client: Client, unique: str) -> None:
    async with a_bench(client, unique) as bench:
        await bench.feed.send(the_keys(1_000))
        delivery = await bench.deliver()
        await bench.feed.send(the_keys(1_000))
        await bench.has_arrived(2_000)
        await delivery.stop()

        ends = await client.end_offsets(bench.topic)
        assert sum(end > 0 for end in ends.values()) == 4
        assert (bench.sink.repeated, bench.sink.disorder) == (0, 0)
        assert await bench.committed() == sum(ends.values()) == 2_000


async def test_a_hung_profile_holds_its_lane_and_its_offset_only(client: Client, unique: str) -> None:
    async with a_bench(client, unique) as bench:
        bench.sink.hung["hung"] = asyncio.Event()
        await bench.feed.send(["hung", *the_keys(500), "hung"])
        delivery = await bench.deliver()
        await bench.has_arrived(500)
        await until(lambda: delivery.pending == 2, what="all but the hung profile's have ended")
        ends = await client.end_offsets(bench.topic)
        assert await bench.committed() < sum(ends.values()) - 2

        bench.sink.hung["hung"].set()
        await bench.has_arrived(502)
        await delivery.stop()
        assert (bench.sink.repeated, bench.sink.disorder) == (0, 0)
        assert await bench.committed() == sum(ends.values())


async def test_a_member_that_joins_and_leaves_under_load_loses_and_repeats_nothing(client: Client, unique: str) -> None:
    async with a_bench(client, unique) as bench:
        bench.sink.seconds = 0.02
        first = await bench.deliver()
        left = asyncio.Event()

        async def feed() -> None:
            while not left.is_set():
                await bench.feed.send(the_keys(300), per_second=600)

        load = asyncio.create_task(feed())
        await bench.has_arrived(300)
        second = await bench.deliver()
        await until(lambda: len(first.partitions) == len(second.partitions) == 2, seconds=30, what="the split")
        at_split = len(bench.sink.ids)
        await bench.has_arrived(at_split + 300)
        await second.stop()
        await until(lambda: len(first.partitions) == 4, seconds=30, what="the return")
        left.set()
        await load
        await bench.has_arrived(bench.feed.sent)
        await first.stop()

        print(f"joined at {at_split}, of {bench.feed.sent}: repeated {bench.sink.repeated}")
        assert (bench.sink.repeated, bench.sink.disorder) == (0, 0)
        assert await bench.committed() == bench.feed.sent


async def test_a_stop_with_fifty_requests_open_loses_and_repeats_nothing(client: Client, unique: str) -> None:
    async with a_bench(client, unique) as bench:
        bench.sink.seconds = 0.3
        # One busy profile: some of its exports lie, never begun, below others that have ended.
        keys = ["busy" if number % 10 == 0 else f"p{number % 400}" for number in range(2_000)]
        await bench.feed.send(keys)
        first = await bench.deliver()
        await bench.has_arrived(200)
        await until(lambda: bench.sink.open >= 50, what="50 open requests")
        open_at_stop = bench.sink.open
        await first.stop()
        delivered_by_first = len(bench.sink.ids)
        assert bench.sink.open == 0
        assert await bench.committed() <= delivered_by_first

        bench.sink.seconds = 0.0
        second = await bench.deliver()
        await bench.has_arrived(2_000)
        await second.stop()
        print(f"open at the stop: {open_at_stop}; before it {delivered_by_first}, repeated {bench.sink.repeated}")
        assert open_at_stop >= 50
        assert (bench.sink.repeated, bench.sink.disorder) == (0, 0)
        assert await bench.committed() == 2_000


async def test_a_full_backlog_keeps_its_member_polling_and_then_goes_on(client: Client, unique: str) -> None:
    async with a_bench(client, unique, max_pending=20, max_ahead=10) as bench:
        for key in KEYS:
            bench.sink.hung[key] = asyncio.Event()
        await bench.feed.send(the_keys(400))
        delivery = await bench.deliver()
        await until(lambda: delivery.pending >= 11, what="a full backlog")
        before = delivery.polled_at or 0.0
        await until(lambda: (delivery.polled_at or 0.0) > before + 2.0, what="polls that go on")
        assert delivery.pending <= 20

        for event in bench.sink.hung.values():
            event.set()
        await bench.has_arrived(400)
        await delivery.stop()
        assert (bench.sink.repeated, bench.sink.disorder) == (0, 0)


async def test_a_dead_letter_holds_its_offset_until_the_topic_takes_it(client: Client, unique: str) -> None:
    async with a_bench(client, unique) as bench:
        bench.sink.statuses["bad"] = 400
        await bench.feed.send(["bad", *the_keys(100)])
        telemetry = RecordingTelemetry()
        delivery = await bench.deliver(telemetry)
        await bench.has_arrived(100)
        ends = await client.end_offsets(bench.topic)
        await until(lambda: bench.unconfirmed > 0, seconds=40, what="a dead letter that is not confirmed")
        assert delivery.pending == 1
        stuck = await bench.committed()
        assert stuck < sum(ends.values())
        assert ExportEnd.DEAD_LETTERED not in telemetry.counts

        topic = await client.create_topic(dead_letters_topic(bench.app), 4)
        await until(lambda: delivery.pending == 0, seconds=40, what="the dead letter's confirmation")
        await delivery.stop()
        assert await bench.committed() == sum(ends.values())

        (letter,) = await client.read(topic)
        (original,) = [record for record in await client.read(bench.topic) if record.key == b"bad"]
        headers = dict(letter.headers)
        assert (letter.key, letter.value, letter.partition) == (b"bad", original.value, original.partition)
        assert letter.headers[: len(original.headers)] == original.headers
        assert headers["__connect.errors.topic"] == bench.topic.encode()
        assert headers["__connect.errors.partition"] == str(original.partition).encode()
        assert headers["__connect.errors.offset"] == str(original.offset).encode()
        assert headers["streams.reason"] == Reason.REFUSED.encode()
        assert (headers["streams.status"], headers["streams.attempts"]) == (b"400", b"1")
