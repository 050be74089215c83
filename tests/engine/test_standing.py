"""Offsets never reset by themselves: births are remembered, and a gap stops its partition until it is accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.engine import Engine
from streams.groups.gaps import Cause, Resume
from tests.brokers.client import Client
from tests.engine.running import Seen, engine_on, journal_on, started, topics_for
from tests.engine.test_recovery import transaction
from tests.waiting import until

pytestmark = pytest.mark.kafka

LARGE = b"v" * 100_000
"""Ten of them are one fetch."""


@pytest.fixture
def log() -> Iterator[list[Any]]:
    """Return the lines that are logged."""
    with capture_logs() as lines:
        yield lines


def told(log: list[Any], event: str) -> list[Any]:
    return [line for line in log if line["event"] == event]


async def read_all(client: Client, name: str, source: str, journal: Any, count: int) -> Seen:
    """Run an engine until it has read *count* records and committed them."""
    engine = engine_on(client, name, journal=journal, partitions=2)
    seen = Seen(engine)
    engine.consume(source, seen)
    async with started(engine.app):
        await until(lambda: engine.ready and len(seen.messages) >= count, 30, "the records")
    return seen


async def test_a_first_start_commits_and_remembers_where_it_begins_and_reads_everything(
    client: Client, unique: str
) -> None:
    source, _ = await topics_for(client, unique, 2)
    await client.produce(source, [(b"k", b"%d" % n) for n in range(10)], partition=0)
    await client.delete_records(source, {0: 3})
    async with journal_on(client, unique) as journal:
        engine = engine_on(client, unique, journal=journal, partitions=2)
        seen = Seen(engine, held=True)
        engine.consume(source, seen)
        async with started(engine.app):
            await until(lambda: len(seen.messages) == 7, 30, "the records")
            committed = [engine.committed(source, number) for number in range(3)]
        births = [journal.birth(unique, (source, number)) for number in range(2)]

    assert [(birth.offset, birth.end) for birth in births if birth] == [(3, 10), (0, 0)]
    assert committed == [3, 0, None]
    assert await client.committed(unique, source) == {0: 3, 1: 0}


async def test_a_restart_goes_on_where_it_was_and_the_births_stay(client: Client, unique: str) -> None:
    source, _ = await topics_for(client, unique, 2)
    await client.produce(source, [(b"k", b"%d" % n) for n in range(10)], partition=0)
    async with journal_on(client, unique) as journal:
        await read_all(client, unique, source, journal, 10)
        birth = journal.birth(unique, (source, 0))
        await client.produce(source, [(b"k", b"new")], partition=0)
        seen = await read_all(client, unique, source, journal, 1)

        assert seen.values == [b"new"]
        assert journal.birth(unique, (source, 0)) == birth


async def gap_at(engine: Engine, partition: tuple[str, int]) -> Any:
    await until(lambda: partition in engine.gaps, 30, "the gap")
    return engine.gaps[partition]


@pytest.mark.parametrize(("resume", "offset"), [(Resume.BEGINNING, 8), (Resume.END, 12)])
async def test_a_partition_whose_next_records_are_gone_stands_still_until_that_is_accepted(
    client: Client, unique: str, log: list[Any], resume: Resume, offset: int
) -> None:
    source, _ = await topics_for(client, unique, 2)
    await client.produce(source, [(b"k", b"old")] * 5, partition=0)
    async with journal_on(client, unique) as journal:
        await read_all(client, unique, source, journal, 5)
        await client.produce(source, [(b"k", b"%d" % n) for n in range(5, 12)], partition=0)
        await client.delete_records(source, {0: 8})
        engine = engine_on(client, unique, journal=journal, partitions=2)
        seen = Seen(engine)
        engine.consume(source, seen)
        async with started(engine.app):
            gap = await gap_at(engine, (source, 0))
            await client.produce(source, [(b"k", b"other")], partition=1)
            await until(lambda: len(seen.messages) > 0, 20, "the other partition")
            before, holds = list(seen.values), dict(engine.holds)
            async with journal_on(client, unique) as operators:
                await operators.accept(unique, (source, 0), gap, resume, 0)
            await until(lambda: not engine.gaps, 20, "going on")
            await client.produce(source, [(b"k", b"last")], partition=0)
            await until(lambda: b"last" in seen.values, 20, "the last record")

    assert (gap.cause, gap.committed, gap.beginning, gap.gone) == (Cause.RETENTION, 5, 8, 3)
    assert (before, holds) == ([b"other"], {(source, 0): {"gap"}})
    assert seen.values[1:] == [*(b"%d" % n for n in range(offset, 12)), b"last"]
    assert journal.acceptance(unique, (source, 0)) is None
    assert [(line["topic"], line["partition"], line["gone"]) for line in told(log, "gap.found")] == [(source, 0, 3)]
    assert [line["offset"] for line in told(log, "gap.accepted")] == [offset]
    assert await client.committed(unique, source) == {0: 13, 1: 1}


async def test_a_partition_that_retention_overtakes_stands_still_and_the_others_go_on(
    client: Client, unique: str, log: list[Any]
) -> None:
    source, _ = await topics_for(client, unique, 2)
    await client.produce(source, [(b"%d" % n, LARGE) for n in range(40)], partition=0)
    async with journal_on(client, unique) as journal:
        settings: dict[str, Any] = {"max_poll_records": 2, "buffer": 4, "commit_interval": 60.0}
        engine = engine_on(client, unique, journal=journal, partitions=2, **settings)
        seen, slow, go = Seen(engine), asyncio.Event(), asyncio.Event()

        async def room() -> None:
            slow.set()
            await go.wait()

        engine.consume(source, seen, room=room)
        async with started(engine.app):
            await asyncio.wait_for(slow.wait(), 90)
            await client.delete_records(source, {0: 35})
            go.set()
            gap = await gap_at(engine, (source, 0))
            read = len(seen.messages)
            committed = await client.committed(unique, source)
            await client.produce(source, [(b"k", b"other")], partition=1)
            await until(lambda: b"other" in seen.values, 20, "the other partition")
            await journal.accept(unique, (source, 0), gap, Resume.BEGINNING, 0)
            await until(lambda: len(seen.messages) == read + 1 + 5, 20, "the rest")
            alive = not engine.app.should_stop

    assert alive
    assert 0 < read < 35
    assert (gap.cause, gap.committed, gap.beginning) == (Cause.RETENTION, read, 35), "what was read is committed"
    assert committed[0] == read
    assert [each.offset for each in seen.messages if each.partition == 0] == [*range(read), *range(35, 40)]
    assert len(told(log, "gap.found")) == 1


async def test_offsets_that_were_deleted_stop_the_partition(client: Client, unique: str) -> None:
    source, _ = await topics_for(client, unique, 2)
    await client.produce(source, [(b"k", b"%d" % n) for n in range(5)], partition=0)
    async with journal_on(client, unique) as journal:
        await read_all(client, unique, source, journal, 5)
        await client.delete_offsets(unique, source)
        engine = engine_on(client, unique, journal=journal, partitions=2)
        seen = Seen(engine)
        engine.consume(source, seen)
        async with started(engine.app):
            gaps = [await gap_at(engine, (source, number)) for number in range(2)]
            before = list(seen.values)
            for number in range(2):
                await journal.accept(unique, (source, number), gaps[number], Resume.BEGINNING, 0)
            await until(lambda: len(seen.messages) == 5, 20, "all once more")

    assert [(gap.cause, gap.committed, gap.gone) for gap in gaps] == [(Cause.OFFSETS_LOST, None, None)] * 2
    assert before == []


async def test_what_is_accepted_for_another_gap_is_not_taken(client: Client, unique: str) -> None:
    source, _ = await topics_for(client, unique, 2)
    await client.produce(source, [(b"k", b"%d" % n) for n in range(5)], partition=0)
    async with journal_on(client, unique) as journal:
        await read_all(client, unique, source, journal, 5)
        await client.produce(source, [(b"k", b"gone")] * 5, partition=0)
        await client.delete_records(source, {0: 8})
        engine = engine_on(client, unique, journal=journal, partitions=2)
        seen = Seen(engine)
        engine.consume(source, seen)
        async with started(engine.app):
            gap = await gap_at(engine, (source, 0))
            older = type(gap)(gap.cause, 2, gap.beginning, gap.end)
            await journal.accept(unique, (source, 0), older, Resume.BEGINNING, 0)
            await client.produce(source, [(b"k", b"other")], partition=1)
            await until(lambda: len(seen.messages) > 0, 20, "the other partition")
            held = dict(engine.gaps)

    assert held == {(source, 0): gap}
    assert seen.values == [b"other"]


async def test_a_marker_at_the_end_is_committed_too_so_that_its_removal_is_no_gap(client: Client, unique: str) -> None:
    source, _ = await topics_for(client, unique)
    async with journal_on(client, unique) as journal:
        engine = engine_on(client, unique, journal=journal)
        seen = Seen(engine)
        engine.consume(source, seen)
        async with started(engine.app):
            await until(lambda: engine.ready, 30, "the start")
            await transaction(client, source, [(b"k", b"v")], commit=True)
            await until(lambda: engine.committed(source, 0) == 2, 20, "a commit beyond the marker")
        await client.delete_records(source, {0: 2})
        again = engine_on(client, unique, journal=journal)
        again.consume(source, Seen(again))
        async with started(again.app):
            await until(lambda: again.ready, 30, "the start")
            gaps = dict(again.gaps)

    assert gaps == {}
    assert seen.values == [b"v"]
