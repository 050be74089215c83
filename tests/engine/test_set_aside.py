"""On a real Kafka: whatever is wrong with a state directory, the worker starts, and its table is what Kafka says."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin.records_to_delete import RecordsToDelete
from rocksdict import Cache

from streams.engine import Engine, Message
from streams.engine.rocks import RocksState, rocks_options
from tests.brokers.client import Client, Pair
from tests.engine.damage import AT_OPENING, Damage, flip_rows
from tests.engine.running import Seen, engine_on, started, topics_for
from tests.waiting import until

pytestmark = pytest.mark.kafka

ROWS: list[Pair] = [(b"%d" % n, b"%d" % (n * 7919)) for n in range(3000)]
LONG = 3600.0


@asynccontextmanager
async def recovered(client: Client, name: str, directory: Path, **changes: Any) -> AsyncIterator[Engine]:
    """Run an engine with its states in *directory*, ready."""
    settings = {"store": "rocksdb", "directory": directory, "delete_retention_seconds": LONG, **changes}
    engine = engine_on(client, name, **settings)
    engine.consume(f"{name}-inputs", Seen(engine))
    async with started(engine.app):
        await until(lambda: engine.ready or engine.app.crashed, 20, "the recovery")
        assert engine.ready, engine.app.crash_reason
        yield engine


def holds(engine: Engine, rows: list[Pair], partition: int = 0) -> bool:
    return all(engine.table.get(partition, key or b"") == value for key, value in rows)


def moved(directory: Path) -> list[str]:
    """Return which partitions were set aside, and why."""
    names = [each.name.split(".") for each in (directory / "profiles").glob("*.set-aside-*")]
    return sorted(f"{parts[0]} {parts[-1].rsplit('-')[-1]}" for parts in names)


async def filled(client: Client, name: str, directory: Path, **changelog_settings: str) -> tuple[str, Path]:
    """Load the rows into *directory* and close it; return the changelog and the directory of partition 0."""
    _, changelog = await topics_for(client, name, 1, **changelog_settings)
    await client.produce(changelog, ROWS)
    async with recovered(client, name, directory) as engine:
        assert holds(engine, ROWS)
    return changelog, directory / "profiles" / "0"


@pytest.mark.parametrize("damage", AT_OPENING.values(), ids=AT_OPENING.keys())
async def test_a_damaged_directory_is_set_aside_and_rebuilt(
    client: Client, unique: str, tmp_path: Path, damage: Damage
) -> None:
    _, path = await filled(client, unique, tmp_path)
    damage(path)
    async with recovered(client, unique, tmp_path) as engine:
        assert holds(engine, ROWS)
        assert engine.set_aside == {"corrupt": 1}
        assert engine.recovery is not None
        assert (engine.recovery.loaded, engine.recovery.ended) == (len(ROWS), True)

    assert moved(tmp_path) == ["0 corrupt"]


async def test_damage_that_is_found_while_running_is_mended_by_the_next_start(
    client: Client, unique: str, tmp_path: Path
) -> None:
    _, path = await filled(client, unique, tmp_path)
    flip_rows(path)
    settings = {"store": "rocksdb", "directory": tmp_path, "delete_retention_seconds": LONG}
    engine = engine_on(client, unique, **settings)

    def read_all(_: Message) -> None:
        assert holds(engine, ROWS)

    engine.consume(f"{unique}-inputs", read_all)
    async with started(engine.app):
        await client.produce(f"{unique}-inputs", [(b"k", b"v")])
        await until(lambda: engine.app.crashed, 20, "the end of the worker")
    assert await client.committed(unique, f"{unique}-inputs") == {}

    async with recovered(client, unique, tmp_path) as mended:
        assert holds(mended, ROWS)
        assert mended.set_aside == {"corrupt": 1}


async def test_a_directory_that_is_in_order_is_used_again(client: Client, unique: str, tmp_path: Path) -> None:
    changelog, _ = await filled(client, unique, tmp_path)
    await client.produce(changelog, [(b"1", b"newer"), (b"2", None)])
    async with recovered(client, unique, tmp_path, cluster_id="c") as engine:
        assert holds(engine, [(b"1", b"newer"), (b"2", None), *ROWS[3:]])
        assert engine.recovery is not None
        assert (engine.recovery.loaded, engine.set_aside) == (2, {})


async def test_the_directory_of_another_app_is_set_aside(client: Client, unique: str, tmp_path: Path) -> None:
    await filled(client, f"{unique}-other", tmp_path)
    _, changelog = await topics_for(client, unique)
    await client.produce(changelog, [(b"ours", b"1")] * (len(ROWS) + 1))
    async with recovered(client, unique, tmp_path) as engine:
        assert holds(engine, [(b"ours", b"1"), (b"1", None)])

    assert moved(tmp_path) == ["0 foreign"]


async def test_the_directory_of_another_partition_is_set_aside(client: Client, unique: str, tmp_path: Path) -> None:
    _, changelog = await topics_for(client, unique, 2)
    for partition in range(2):
        await client.produce(changelog, [(b"%d" % partition, b"v")], partition=partition)
    async with recovered(client, unique, tmp_path, partitions=2):
        pass
    profiles = tmp_path / "profiles"
    shutil.rmtree(profiles / "1")
    shutil.copytree(profiles / "0", profiles / "1")
    async with recovered(client, unique, tmp_path, partitions=2) as engine:
        assert (engine.table.get(1, b"0"), engine.table.get(1, b"1"), engine.table.get(0, b"0")) == (None, b"v", b"v")

    assert moved(tmp_path) == ["1 foreign"]


async def test_the_directory_of_another_cluster_is_set_aside(client: Client, unique: str, tmp_path: Path) -> None:
    await topics_for(client, unique)
    async with recovered(client, unique, tmp_path, cluster_id="one"):
        pass
    async with recovered(client, unique, tmp_path, cluster_id="two") as engine:
        assert engine.set_aside == {"foreign": 1}


async def test_a_state_that_the_brokers_have_lost_is_set_aside_and_not_deleted(
    client: Client, unique: str, tmp_path: Path
) -> None:
    changelog, _ = await filled(client, unique, tmp_path)
    await again(client, changelog, [(b"new", b"1")])
    async with recovered(client, unique, tmp_path) as engine:
        assert holds(engine, [(b"new", b"1"), (b"1", None)])

    assert moved(tmp_path) == ["0 ahead"]
    (place,) = (tmp_path / "profiles").glob("0.set-aside-*")
    assert any(place.glob("*.sst")), "what only this directory knew is gone"


async def test_a_changelog_that_was_made_anew_and_grew_past_the_state_is_noticed(
    client: Client, unique: str, tmp_path: Path
) -> None:
    changelog, _ = await filled(client, unique, tmp_path)
    await again(client, changelog, [(b"%d" % n, b"another") for n in range(5000, 9000)])
    async with recovered(client, unique, tmp_path) as engine:
        assert holds(engine, [(b"5000", b"another"), (b"1", None)])

    assert moved(tmp_path) == ["0 changed"]


async def again(client: Client, topic: str, rows: list[Pair]) -> None:
    """Delete the changelog and make it anew."""
    await client.delete_topics(topic)

    async def gone() -> bool:
        return not await client.partitions(topic)

    await until(gone, 20, "the topic's end")
    await client.create_topic(topic, 1, cleanup_policy="compact")
    await client.produce(topic, rows)


async def test_a_changelog_that_begins_behind_the_state_is_noticed(client: Client, unique: str, tmp_path: Path) -> None:
    changelog, _ = await filled(client, unique, tmp_path, cleanup_policy="compact,delete")  # else none can be deleted
    await client.produce(changelog, [(b"1", None), (b"2", None), (b"new", b"1")])
    async with client.admin() as admin:
        await admin.delete_records({TopicPartition(changelog, 0): RecordsToDelete(before_offset=len(ROWS) + 2)})
    async with recovered(client, unique, tmp_path) as engine:
        assert holds(engine, [(b"new", b"1"), (b"1", None)])

    assert moved(tmp_path) == ["0 behind"]


QUICK = {
    "delete_retention_ms": "100",
    "segment_ms": "100",
    "min_cleanable_dirty_ratio": "0.01",
    "max_compaction_lag_ms": "100",
}
"""A changelog whose tombstones are soon gone."""


async def remove_for_good(client: Client, changelog: str, partition: int) -> None:
    """Remove a person, and wait until nothing in the changelog tells of it any more."""
    await client.produce(changelog, [(b"dead", None)], partition=partition)

    async def dropped() -> bool:
        await client.produce(changelog, [(b"alive", b"2")], partition=partition)  # rolls the segment
        records = [each for each in await client.read(changelog) if each.partition == partition]
        return all(each.key != b"dead" for each in records)

    await until(dropped, 90, "the compaction of the tombstone")


async def test_a_person_who_was_removed_and_whose_tombstone_is_gone_does_not_come_back(
    client: Client, unique: str, tmp_path: Path
) -> None:
    _, changelog = await topics_for(client, unique, 1, **QUICK)
    await client.produce(changelog, [(b"dead", b"1"), (b"alive", b"1")])
    async with recovered(client, unique, tmp_path):
        pass
    await remove_for_good(client, changelog, 0)
    async with recovered(client, unique, tmp_path, delete_retention_seconds=0.1) as engine:
        assert holds(engine, [(b"dead", None), (b"alive", b"2")])

    assert moved(tmp_path) == ["0 stale"]


@asynccontextmanager
async def lent(client: Client, name: str, directory: Path, engine: Engine, retention: float) -> AsyncIterator[int]:
    """Have a second worker take one of two partitions from *engine*, and give it back at the end."""
    states = engine._faust_table.data.states
    async with recovered(client, name, directory, partitions=2, delete_retention_seconds=retention) as other:
        await until(lambda: len(states) == 1 and engine.ready, 30, "the first worker's share")
        (partition,) = other._faust_table.data.states
        yield partition
    await until(lambda: len(states) == 2 and engine.ready, 30, "the return of the partition")


@pytest.mark.parametrize("retention", [0.1, LONG])
async def test_a_partition_that_comes_back_is_rebuilt_or_goes_on_by_how_long_it_was_away(
    client: Client, unique: str, tmp_path: Path, retention: float
) -> None:
    _, changelog = await topics_for(client, unique, 2, **(QUICK if retention < 1 else {}))
    for partition in range(2):
        await client.produce(changelog, [(b"dead", b"1"), (b"alive", b"1")], partition=partition)
    mine, others = tmp_path / "mine", tmp_path / "others"
    async with recovered(client, unique, mine, partitions=2, delete_retention_seconds=retention) as engine:
        async with lent(client, unique, others, engine, retention) as partition:
            if retention < 1:
                await remove_for_good(client, changelog, partition)
            else:
                await client.produce(changelog, [(b"dead", None), (b"alive", b"2")], partition=partition)

        assert holds(engine, [(b"dead", None), (b"alive", b"2")], partition)
        assert engine.recovery is not None
        if retention < 1:
            assert f"{partition} stale" in moved(mine)
        else:
            assert (engine.recovery.loaded, moved(mine)) == (2, [])


async def test_the_state_of_a_newer_release_is_refused_and_stays_where_it_is(
    client: Client, unique: str, tmp_path: Path
) -> None:
    _, path = await filled(client, unique, tmp_path)
    state = RocksState(path, rocks_options(Cache(1024 * 1024)), lambda _: None)
    state.apply([(b"new", b"9 from the future")], 3000, ours=True)
    state.close()

    def check(value: bytes) -> None:
        if b"future" in value:
            raise LookupError("encoding 9")

    engine = engine_on(client, unique, store="rocksdb", directory=tmp_path, check_value=check)
    engine.consume(f"{unique}-inputs", Seen(engine))
    async with started(engine.app):
        await until(lambda: engine.app.crashed, 20, "the end of the worker")

    assert isinstance(engine.app.crash_reason, LookupError)
    assert moved(tmp_path) == []


async def test_marked_keys_are_there_after_a_rebuild(client: Client, unique: str, tmp_path: Path) -> None:
    _, changelog = await topics_for(client, unique)
    await client.produce(changelog, [(b"a", b"gone"), (b"b", b"here"), (b"c", b"gone"), (b"c", b"here")])

    def marks(value: bytes) -> bool:
        return value == b"gone"

    async with recovered(client, unique, tmp_path, marks=marks) as engine:
        assert engine.table.marked(0) == [b"a"]
        engine.table.write(0, {b"b": b"gone", b"a": None}, 4)
        assert engine.table.marked(0) == [b"b"]
