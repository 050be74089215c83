"""What has ended and is old is deleted from the exports topics; what has not is there for whoever comes next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

import pytest
from structlog.testing import capture_logs

from streams.delivery.pruning import Owned, Pruning
from streams.delivery.service import Delivery
from tests.brokers import kafka as real
from tests.brokers.acls import Grant
from tests.brokers.client import Client
from tests.brokers.secured import Secured
from tests.delivery.benches import Bench, a_bench
from tests.reaching import brokers_of, secured_brokers
from tests.waiting import until

pytestmark = pytest.mark.kafka

KEYS = [f"p{number}" for number in range(40)]
DAY = 86_400.0


def pruning_of(
    bench: Bench, keep_seconds: float = 0, *, now: float | None = None, **others: Collection[int]
) -> Pruning:
    """Return what deletes from the bench's topic, and from *others*, as if it were *now*."""
    mine = Owned(bench.topic, bench.group, frozenset({0, 1}))
    owned = [mine, *(Owned(topic, bench.group, frozenset(numbers)) for topic, numbers in others.items())]
    clock = time.time() if now is None else now
    return Pruning(brokers_of(bench.client), lambda: owned, keep_seconds, wall=lambda: clock)


async def beginnings(client: Client, topic: str) -> dict[int, int]:
    """Return the beginning of each partition."""
    async with client.consumer() as consumer:
        found = await consumer.beginning_offsets(await client._all(topic))
    return {each.partition: offset for each, offset in found.items()}


async def committed_is(bench: Bench, count: int) -> None:
    async def so_far() -> bool:
        return await bench.committed() == count

    await until(so_far, 30, what=f"{count} are committed")


async def half_delivered(bench: Bench) -> tuple[Delivery, str]:
    """Deliver all but the exports of one profile, which hang; return that profile, too."""
    await bench.feed.send(KEYS)
    (first, *_) = await bench.client.read(bench.topic)
    assert first.key is not None
    hung = first.key.decode()
    bench.sink.hung[hung] = asyncio.Event()
    delivery = await bench.deliver()

    async def rest_has_ended() -> bool:
        return await bench.finished() == len(KEYS) - 1

    await until(rest_has_ended, 30, what="the rest has ended, and the commits say so")
    return delivery, hung


async def test_only_what_is_committed_is_deleted_and_nothing_that_ended_above_it(client: Client, unique: str) -> None:
    async with a_bench(client, unique, partitions=2) as bench:
        _, hung = await half_delivered(bench)
        committed = await client.committed(bench.group, bench.topic)
        deleted = await pruning_of(bench, now=time.time() + DAY).prune()

        assert committed[0] == 0, "its first export hangs"
        assert await beginnings(client, bench.topic) == committed
        assert {tp.partition: offset for tp, offset in deleted.items()} == {1: committed[1]}
        left = [record.key.decode() for record in await client.read(bench.topic) if record.key]
        assert hung in left


async def test_what_is_younger_than_is_kept_stays(client: Client, unique: str) -> None:
    async with a_bench(client, unique, partitions=2) as bench:
        await bench.feed.send(KEYS)
        old = await client.end_offsets(bench.topic)
        await asyncio.sleep(0.01)  # timestamps are milliseconds
        between = time.time()
        await bench.feed.send(KEYS)
        await bench.deliver()
        await committed_is(bench, 2 * len(KEYS))

        assert await pruning_of(bench, DAY).prune() == {}
        pruning = pruning_of(bench, DAY, now=between + DAY)
        assert {tp.partition: offset for tp, offset in (await pruning.prune()).items()} == old
        assert await beginnings(client, bench.topic) == old
        assert await pruning.prune() == {}, "the same is not deleted twice"


async def test_who_comes_after_a_deletion_finds_no_gap_and_repeats_nothing(client: Client, unique: str) -> None:
    async with a_bench(client, unique, partitions=2) as bench:
        first, hung = await half_delivered(bench)
        await pruning_of(bench).prune()
        await first.stop()
        await pruning_of(bench).prune()
        bench.sink.hung.pop(hung).set()
        second = await bench.deliver()
        await bench.feed.send(KEYS)
        await committed_is(bench, 2 * len(KEYS))
        await pruning_of(bench).prune()
        await second.stop()
        third = await bench.deliver()
        await until(third.settled.is_set, what="it knows where it goes on")

        assert not second.gaps
        assert not third.gaps
        assert await beginnings(client, bench.topic) == await client.end_offsets(bench.topic)
        assert {number for _, _, number in bench.sink.requests} == set(range(1, 2 * len(KEYS) + 1))
        assert bench.sink.repeated <= 1, "the export that hung, at most"


async def test_without_the_right_it_warns_once_per_topic_and_the_others_go_on(client: Client, unique: str) -> None:
    async with a_bench(client, unique, partitions=2) as bench:
        await bench.feed.send(KEYS)
        await bench.deliver()
        await committed_is(bench, len(KEYS))
        # Kafka refuses to delete from a compacted topic, whoever asks; the group has committed something there, too.
        refusing = await client.create_topic(f"{unique}-refusing", 1, cleanup_policy="compact")
        await client.produce(refusing, [(b"a", b"1"), (b"b", b"2")])
        async with client.consumer(group_id=f"{bench.group}-2") as consumer:
            (partition,) = await client._all(refusing)
            consumer.assign([partition])
            await consumer.commit({partition: 2})
        owned = [
            Owned(refusing, f"{bench.group}-2", frozenset({0})),
            Owned(bench.topic, bench.group, frozenset({0, 1})),
        ]
        pruning = Pruning(brokers_of(client), lambda: owned, 0, wall=time.time)
        with capture_logs() as logged:
            deleted = await pruning.prune()
            await pruning.prune()

        assert {tp.topic for tp in deleted} == {bench.topic}
        assert await beginnings(client, refusing) == {0: 0}
        (warning,) = [line for line in logged if line["event"] == "exports.not-deleted"]
        assert (warning["topic"], warning["why"], warning["log_level"]) == (refusing, "PolicyViolationError", "warning")
        assert warning["code"] == "exports-kept"
        assert "DELETE" in warning["todo"]


async def test_a_user_without_delete_is_told_once_and_goes_on_by_itself_once_it_is_granted(unique: str) -> None:
    try:
        with real.running_secured(restricted=True) as secured:
            await _granted_late(secured, unique)
    except real.UnavailableError as unavailable:
        pytest.skip(str(unavailable))


async def _granted_late(secured: Secured, unique: str) -> None:
    client, acls = secured.client, secured.acls
    topic = await client.create_topic(unique, 1)
    await client.produce(topic, [(b"a", b"1"), (b"b", b"2")])
    async with client.consumer(group_id=unique) as consumer:
        (partition,) = await client._all(topic)
        consumer.assign([partition])
        await consumer.commit({partition: 2})
    read = ("Read", "Describe")
    await acls.grant(client.bootstrap, [Grant("topic", topic, read), Grant("group", unique, read)])
    brokers = secured_brokers(secured, "SASL_SSL", "SCRAM-SHA-256")
    pruning = Pruning(brokers, lambda: [Owned(topic, unique, frozenset({0}))], 0, wall=time.time)
    with capture_logs() as logged:
        assert await pruning.prune() == {}
        assert await pruning.prune() == {}
        await acls.grant(client.bootstrap, [Grant("topic", topic, ("Delete",))])
        await until(lambda: _has_deleted(pruning), 30, what="the right")

    assert [(line["event"], line["why"]) for line in logged if line["log_level"] == "warning"] == [
        ("exports.not-deleted", "TopicAuthorizationFailedError")
    ]
    assert await beginnings(client, topic) == {0: 2}


async def _has_deleted(pruning: Pruning) -> bool:
    return bool(await pruning.prune())
