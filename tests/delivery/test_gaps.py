"""Offsets never reset by themselves: a partition whose records are gone stands still until that is accepted."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest
from aiokafka import TopicPartition
from structlog.testing import capture_logs

from streams.delivery.bitmaps import Finished, encode
from streams.groups.gaps import Cause, Gap, Partition, Resume
from tests.brokers.client import Client
from tests.deliverables import RecordingTelemetry
from tests.delivery.benches import Bench, a_bench, without_journal
from tests.waiting import until

pytestmark = pytest.mark.kafka

KEYS = [f"p{number}" for number in range(60)]
"""Enough that each of two partitions has many of them."""


async def delivered(bench: Bench, keys: list[str], telemetry: RecordingTelemetry | None = None) -> None:
    """Deliver all that is there, and leave."""
    await bench.feed.send(keys)
    delivery = await bench.deliver(telemetry)
    await bench.has_arrived(bench.feed.sent)
    await delivery.stop()


async def by_partition(bench: Bench) -> dict[str, int]:
    """Return on which partition each profile is."""
    return {record.key.decode(): record.partition for record in await bench.client.read(bench.topic)}


def arrived_since(bench: Bench, at: int, places: dict[str, int]) -> Counter[int]:
    """Count the arrivals since then by the partition of their profile."""
    return Counter(places[key] for _, key, _ in bench.sink.requests[at:])


async def accept(bench: Bench, partition: Partition, gap: Gap, resume: Resume = Resume.BEGINNING) -> None:
    """Accept as an operator does, by another journal's record."""
    await bench.journal.accept(bench.group, partition, gap, resume, int(time.time() * 1000))


async def test_the_first_start_is_committed_and_remembered_before_anything_is_posted(
    client: Client, unique: str
) -> None:
    async with a_bench(client, unique, partitions=2) as bench:
        for key in KEYS:
            bench.sink.hung[key] = asyncio.Event()
        await bench.feed.send(KEYS)
        await bench.deliver()
        await until(lambda: bench.sink.requests != [], what="a first request")

        assert await client.committed(bench.group, bench.topic) == {0: 0, 1: 0}
        births = [bench.journal.birth(bench.group, (bench.topic, number)) for number in (0, 1)]
        assert [birth and birth.offset for birth in births] == [0, 0]
        for event in bench.sink.hung.values():
            event.set()


async def test_without_a_journal_a_group_without_commits_begins_anew(client: Client, unique: str) -> None:
    async with a_bench(client, unique, partitions=2) as bench:
        await bench.feed.send(KEYS)
        delivery = await bench.deliver(connection=without_journal(bench.connection))
        await bench.has_arrived(len(KEYS))
        await delivery.stop()
        await bench.feed.send(KEYS)
        await bench.deliver(connection=without_journal(bench.connection))
        await bench.has_arrived(2 * len(KEYS))
        assert bench.sink.repeated == 0


async def test_what_retention_took_is_told_and_the_partition_waits_for_the_operator(
    client: Client, unique: str
) -> None:
    async with a_bench(client, unique, partitions=2) as bench:
        await delivered(bench, KEYS)
        committed = await client.committed(bench.group, bench.topic)
        await bench.feed.send(KEYS * 3)
        places = await by_partition(bench)
        await client.delete_records(bench.topic, {0: committed[0] + 10})
        at = len(bench.sink.requests)
        telemetry = RecordingTelemetry()
        with capture_logs() as lines:
            delivery = await bench.deliver(telemetry)
            others = 3 * sum(number == 1 for number in places.values())
            await until(lambda: arrived_since(bench, at, places)[1] == others, what="the other partition's exports")
            partition = (bench.topic, 0)
            gap = Gap(Cause.RETENTION, committed[0], committed[0] + 10, delivery.gaps[partition].end)

            assert dict(delivery.gaps) == {partition: gap}
            assert arrived_since(bench, at, places)[0] == 0
            assert telemetry.states[-1] == ("faulted", "gap")
            assert delivery.partitions == {0, 1}

            await accept(bench, partition, gap)
            gone_on = bench.feed.sent - 10
            await bench.has_arrived(gone_on)
        assert dict(delivery.gaps) == {}
        assert telemetry.states[-1] == ("activated", "")
        (line,) = [line for line in lines if line["event"] == "gap.found"]
        assert (line["stage"], line["topic"], line["partition"]) == ("delivery", bench.topic, 0)
        assert (line["cause"], line["committed"], line["beginning"]) == ("retention", gap.committed, gap.beginning)
        assert line["gone"] == 10
        await delivery.stop()
        assert await bench.committed() == bench.feed.sent
        assert bench.sink.repeated == 0


async def test_an_acceptance_of_another_gap_lets_nothing_go_on(client: Client, unique: str) -> None:
    async with a_bench(client, unique, partitions=1) as bench:
        await delivered(bench, KEYS)
        await bench.feed.send(KEYS)
        await client.delete_records(bench.topic, {0: len(KEYS) + 5})
        at, partition = len(bench.sink.requests), (bench.topic, 0)
        delivery = await bench.deliver()
        await until(lambda: bool(delivery.gaps), what="the gap")
        gap = delivery.gaps[partition]
        await accept(bench, partition, Gap(gap.cause, len(KEYS) - 1, gap.beginning, gap.end))
        await accept(bench, partition, Gap(Cause.SHORTENED, gap.committed, gap.beginning, gap.end))
        await asyncio.wait_for(bench.journal.caught_up(), 90)
        polled = delivery.polled_at or 0.0
        await until(lambda: (delivery.polled_at or 0.0) > polled + 1.5, what="polls that go on")
        assert dict(delivery.gaps) == {partition: gap}
        assert len(bench.sink.requests) == at

        await accept(bench, partition, gap, Resume.END)
        await until(lambda: not delivery.gaps, what="the answer")
        await bench.feed.send(["late"])
        await until(lambda: len(bench.sink.requests) == at + 1, what="what came after the end")
        assert bench.sink.requests[-1][1] == "late"


async def test_offsets_that_are_lost_are_no_first_start(client: Client, unique: str) -> None:
    async with a_bench(client, unique, partitions=1) as bench:
        await delivered(bench, KEYS)
        at = len(bench.sink.requests)
        await client.delete_offsets(bench.group, bench.topic)
        telemetry = RecordingTelemetry()
        delivery = await bench.deliver(telemetry)
        await until(lambda: bool(delivery.gaps), what="the gap")
        await bench.feed.send(["late"])
        polled = delivery.polled_at or 0.0
        await until(lambda: (delivery.polled_at or 0.0) > polled + 1.5, what="polls that go on")

        ((partition, gap),) = delivery.gaps.items()
        assert (gap.cause, gap.committed, gap.gone) == (Cause.OFFSETS_LOST, None, None)
        assert len(bench.sink.requests) == at
        assert await client.committed(bench.group, bench.topic) == {}

        await accept(bench, partition, gap)
        await until(lambda: len(bench.sink.requests) == at + len(KEYS) + 1, what="all from the beginning")
        assert bench.sink.repeated == len(KEYS)


async def test_a_topic_made_anew_is_a_gap(client: Client, unique: str) -> None:
    async with a_bench(client, unique, partitions=1) as bench:
        await delivered(bench, KEYS)
        await client.delete_topics(bench.topic)
        await until(lambda: _is_gone(bench), seconds=30, what="the deletion")
        await client.create_topic(bench.topic, 1)
        async with client.consumer(group_id=bench.group) as operator:  # the broker forgets offsets with their topic
            operator.assign([TopicPartition(bench.topic, 0)])
            await operator.commit({TopicPartition(bench.topic, 0): len(KEYS)})
        await bench.feed.send(["a", "b"])
        at = len(bench.sink.requests)
        delivery = await bench.deliver()
        await until(lambda: bool(delivery.gaps), what="the gap")
        ((partition, gap),) = delivery.gaps.items()
        assert (gap.cause, gap.committed, gap.end) == (Cause.SHORTENED, len(KEYS), 2)
        assert len(bench.sink.requests) == at

        await accept(bench, partition, gap)
        await until(lambda: len(bench.sink.requests) == at + 2, what="the new topic's exports")


async def test_retention_that_overtakes_a_running_delivery_holds_that_partition_alone(
    client: Client, unique: str
) -> None:
    async with a_bench(client, unique, partitions=2, max_pending=20, max_ahead=15) as bench:
        telemetry = RecordingTelemetry()
        await bench.feed.send(KEYS)
        places = await by_partition(bench)
        slow = [key for key in KEYS if places[key] == 0]
        for key in slow:
            bench.sink.hung[key] = asyncio.Event()
        delivery = await bench.deliver(telemetry)
        await until(lambda: bench.sink.open >= 10, what="requests that hang")
        await bench.feed.send(slow * 40)
        ends = await client.end_offsets(bench.topic)
        await client.delete_records(bench.topic, {0: ends[0] - 5})
        for event in bench.sink.hung.values():
            event.set()
        bench.sink.hung.clear()
        await until(lambda: bool(delivery.gaps), seconds=30, what="the gap")
        at = len(bench.sink.requests)
        fast = [key for key in KEYS if places[key] == 1]
        await bench.feed.send(fast * 3)
        await until(lambda: arrived_since(bench, at, places)[1] >= 3 * len(fast), seconds=30, what="the others")

        ((partition, gap),) = delivery.gaps.items()
        assert (partition, gap.cause) == ((bench.topic, 0), Cause.RETENTION)
        assert gap.committed == (await client.committed(bench.group, bench.topic))[0]
        assert gap.beginning == ends[0] - 5
        assert not delivery.crashed
        assert telemetry.states[-1] == ("faulted", "gap")

        await accept(bench, partition, gap)
        await until(lambda: not delivery.gaps, what="the answer")
        await bench.feed.send([slow[0]])

        async def is_committed() -> bool:
            return await bench.committed() == bench.feed.sent

        await until(is_committed, seconds=30, what="the end")
        assert telemetry.states[-1] == ("activated", "")
        assert bench.sink.repeated == 0


async def _is_gone(bench: Bench) -> bool:
    return await bench.client.partitions(bench.topic) == []


@pytest.mark.parametrize("text", ["hello", "of-more-than-there-is"])
async def test_a_commit_whose_text_cannot_be_right_is_ignored_and_told(
    client: Client, unique: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log was cut short, and other records stand where some had ended; or another tool has committed."""
    async with a_bench(client, unique, partitions=1) as bench:
        await bench.feed.send(KEYS)
        (first, *_) = await client.read(bench.topic)
        if text != "hello":
            text = encode(Finished(0, first.timestamp, b"\xfe" * 40))
        async with client.consumer(group_id=bench.group) as other:
            other.assign([TopicPartition(bench.topic, 0)])
            await other.commit({TopicPartition(bench.topic, 0): (0, text)})
        with caplog.at_level("WARNING", "streams.delivery.standing"):
            delivery = await bench.deliver()
            await bench.has_arrived(len(KEYS))

        assert len([line for line in caplog.messages if "is ignored" in line]) == 1
        assert dict(delivery.gaps) == {}


async def test_what_a_commit_says_has_ended_is_not_posted(client: Client, unique: str) -> None:
    async with a_bench(client, unique, partitions=1) as bench:
        await bench.feed.send(KEYS)
        (first, *_) = await client.read(bench.topic)
        text = encode(Finished(0, first.timestamp, b"\xfe\xff"))
        async with client.consumer(group_id=bench.group) as other:
            other.assign([TopicPartition(bench.topic, 0)])
            await other.commit({TopicPartition(bench.topic, 0): (0, text)})
        await bench.deliver()
        await bench.has_arrived(len(KEYS) - 15)

        async def is_committed() -> bool:
            return await bench.committed() == len(KEYS)

        await until(is_committed, what="the end")
        assert {n for _, _, n in bench.sink.requests} == {1, *range(17, len(KEYS) + 1)}
