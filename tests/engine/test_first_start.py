"""With history on every topic, the first inputs are handled before anything else is taken, partition by partition."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from structlog.testing import capture_logs

from streams.engine import Engine, Message
from streams.groups.gaps import Cause, Resume
from streams.groups.journal import Journal
from tests.brokers.client import Client
from tests.engine.running import engine_on, journal_on, started
from tests.engine.test_recovery import transaction
from tests.waiting import until

pytestmark = pytest.mark.kafka

NUMBERS = 2


class World:
    """An app with inputs of profiles, which come first, and of memberships."""

    def __init__(self, client: Client, name: str) -> None:
        self.client, self.name = client, name
        self.profiles, self.more, self.memberships = f"{name}-profiles", f"{name}-more", f"{name}-memberships"
        self.handled: list[Message] = []
        """In this order; a profile's record when it is acknowledged."""

    async def prepare(self) -> None:
        for topic in (self.profiles, self.more, self.memberships):
            await self.client.create_topic(topic, NUMBERS)
        await self.client.create_topic(f"{self.name}-profiles-changelog", NUMBERS, cleanup_policy="compact")

    async def history(self, topic: str, count: int) -> None:
        for number in range(NUMBERS):
            await self.client.produce(topic, [(b"k", b"%d" % n) for n in range(count)], partition=number)

    def engine(self, journal: Journal, *first: str, others: tuple[str, ...] = (), handles: Any = None) -> Engine:
        settings: dict[str, Any] = {"partitions": NUMBERS, "first": frozenset(first), "max_poll_records": 100}
        engine = engine_on(self.client, self.name, journal=journal, **settings)

        def handle(message: Message) -> None:
            self.handled.append(message)
            engine.acknowledge(message)

        def later(message: Message) -> None:
            asyncio.get_running_loop().call_later(0.05, handle, message)

        for topic in first:
            engine.consume(topic, handles or later)
        for topic in others or (self.memberships,):
            engine.consume(topic, handle)
        return engine

    def count(self, topic: str, number: int | None = None) -> int:
        return sum(each.topic == topic and number in (None, each.partition) for each in self.handled)

    def firsts_before(self, *first: str) -> dict[int, int]:
        """Return for each partition number how many records of *first* were handled before another one's first."""
        counts = {}
        for number in range(NUMBERS):
            topics = [each.topic for each in self.handled if each.partition == number]
            others = [place for place, topic in enumerate(topics) if topic not in first]
            counts[number] = min(others, default=len(topics))
        return counts


@pytest.fixture
async def world(client: Client, unique: str) -> World:
    made = World(client, unique)
    await made.prepare()
    return made


async def test_all_that_was_known_of_a_partitions_profiles_is_handled_before_any_other_record(
    client: Client, unique: str, world: World
) -> None:
    await world.history(world.memberships, 500)
    await world.history(world.profiles, 800)
    await world.history(world.more, 30)
    async with journal_on(client, unique) as journal:
        engine = world.engine(journal, world.profiles, world.more)
        with capture_logs() as log:
            async with started(engine.app):
                await until(lambda: engine.ready, 30, "the start")
                shut, holds = dict(engine.gate), dict(engine.holds)
                await until(lambda: world.count(world.memberships) == 2 * 500, 60, "all memberships")
                opened, left = dict(engine.gate), dict(engine.holds)

    assert set(shut) == {0, 1}
    assert all(0 < remaining <= 830 for remaining in shut.values())
    assert holds == {(world.memberships, number): {"gate"} for number in range(NUMBERS)}
    assert world.firsts_before(world.profiles, world.more) == {0: 830, 1: 830}
    assert (opened, left) == ({}, {})
    lines = [line for line in log if line["event"].startswith("activation.gate.")]
    assert (lines[0]["event"], lines[0]["remaining"]) == ("activation.gate.shut", 2 * 830)
    assert [line["event"] for line in lines].count("activation.gate.open") == 2


async def test_a_stop_while_the_gate_is_shut_changes_nothing(client: Client, unique: str, world: World) -> None:
    await world.history(world.memberships, 50)
    await world.history(world.profiles, 200)
    stuck = list[Message]()
    async with journal_on(client, unique) as journal:
        engine = world.engine(journal, world.profiles, handles=stuck.append)
        async with started(engine.app):
            await until(lambda: len(stuck) == 2 * 200, 30, "the profiles")
            for message in stuck:
                if message.offset < 100:
                    engine.acknowledge(message)
            await until(lambda: engine.committed(world.profiles, 1) == 100, 20, "the commit")
            await until(lambda: engine.gate == {0: 100, 1: 100}, 20, "the look at the gate")
            shut = dict(engine.gate)
        births = [journal.birth(unique, (world.profiles, number)) for number in range(NUMBERS)]
    assert (world.handled, shut) == ([], {0: 100, 1: 100})

    await world.history(world.profiles, 70)  # what comes after the birth is not waited for
    async with journal_on(client, unique) as journal:
        engine = world.engine(journal, world.profiles)
        async with started(engine.app):
            await until(lambda: engine.ready, 30, "the start")
            again = dict(engine.gate)
            await until(lambda: world.count(world.memberships) == 2 * 50, 60, "the memberships")
        assert [journal.birth(unique, (world.profiles, number)) for number in range(NUMBERS)] == births

    assert all(0 < remaining <= 100 for remaining in again.values())
    assert all(before >= 100 for before in world.firsts_before(world.profiles).values())


async def test_an_input_that_is_added_later_has_a_first_start_of_its_own(
    client: Client, unique: str, world: World
) -> None:
    await world.history(world.memberships, 20)
    async with journal_on(client, unique) as journal:
        engine = world.engine(journal, world.profiles)
        async with started(engine.app):
            await until(lambda: world.count(world.memberships) == 2 * 20, 30, "the memberships")
        world.handled.clear()
        await world.history(world.memberships, 20)
        await world.history(world.more, 300)
        engine = world.engine(journal, world.profiles, world.more)
        async with started(engine.app):
            await until(lambda: world.count(world.memberships) == 2 * 20, 60, "the new memberships")

    assert world.firsts_before(world.profiles, world.more) == {0: 300, 1: 300}


async def test_empty_first_inputs_shut_no_gate(client: Client, unique: str, world: World) -> None:
    await world.history(world.memberships, 5)
    async with journal_on(client, unique) as journal:
        engine = world.engine(journal, world.profiles)
        with capture_logs() as log:
            async with started(engine.app):
                await until(lambda: len(world.handled) == 2 * 5, 30, "the memberships")

    assert not [line for line in log if line["event"].startswith("activation.gate.")]


async def test_the_gate_opens_behind_markers_and_what_was_taken_back(client: Client, unique: str, world: World) -> None:
    await world.history(world.memberships, 5)
    for number in range(4):  # the keys reach both partitions
        await transaction(client, world.profiles, [(b"%d" % number, b"committed")], commit=True)
        await transaction(client, world.profiles, [(b"%d" % number, b"aborted")], commit=False)
    async with journal_on(client, unique) as journal:
        engine = world.engine(journal, world.profiles)
        async with started(engine.app):
            await until(lambda: world.count(world.memberships) == 2 * 5, 30, "the memberships")

    assert {each.value for each in world.handled if each.topic == world.profiles} == {b"committed"}
    assert sum(world.firsts_before(world.profiles).values()) == 4


async def test_the_gate_waits_for_a_gap_in_a_first_input(client: Client, unique: str, world: World) -> None:
    await world.history(world.profiles, 50)
    stuck = list[Message]()
    async with journal_on(client, unique) as journal:
        engine = world.engine(journal, world.profiles, handles=stuck.append)
        async with started(engine.app):
            await until(lambda: len(stuck) == 2 * 50, 30, "the profiles")
        await client.delete_records(world.profiles, {0: 20})
        await world.history(world.memberships, 5)
        engine = world.engine(journal, world.profiles)
        async with started(engine.app):
            await until(lambda: world.count(world.memberships, 1) == 5, 30, "the sound partition")
            gaps, gate = dict(engine.gaps), dict(engine.gate)
            early = world.count(world.memberships, 0)
            await journal.accept(unique, (world.profiles, 0), gaps[world.profiles, 0], Resume.BEGINNING, 0)
            await until(lambda: world.count(world.memberships, 0) == 5, 30, "the other partition")

    assert (early, gate) == (0, {0: 50})
    assert world.firsts_before(world.profiles) == {0: 30, 1: 50}


async def test_the_gate_waits_for_a_first_input_that_was_made_anew(client: Client, unique: str, world: World) -> None:
    await world.history(world.profiles, 50)
    async with journal_on(client, unique) as journal:
        engine = world.engine(journal, world.profiles)
        async with started(engine.app):
            await until(lambda: engine.committed(world.profiles, 1) == 50, 30, "the profiles")
        await client.delete_topics(world.profiles)
        await until(lambda: is_gone(client, world.profiles), 30, "the topic's end")
        await client.create_topic(world.profiles, NUMBERS)
        async with client.consumer(group_id=unique) as consumer:  # as if its offsets had outlived the topic
            partitions = [TopicPartition(world.profiles, number) for number in range(NUMBERS)]
            consumer.assign(partitions)
            await consumer.commit(dict.fromkeys(partitions, 50))
        world.handled.clear()
        await world.history(world.profiles, 5)
        await world.history(world.memberships, 5)
        engine = world.engine(journal, world.profiles)
        async with started(engine.app):
            await until(lambda: len(engine.gaps) == NUMBERS, 30, "the gaps")
            standing: Any = engine.app.standing
            for _ in range(3):
                await standing.look()
            gaps, gate = dict(engine.gaps), dict(engine.gate)
            for partition, gap in gaps.items():
                await journal.accept(unique, partition, gap, Resume.BEGINNING, 0)
            await until(lambda: world.count(world.memberships) == NUMBERS * 5, 30, "the memberships")
            remakings = [engine.remakings(topic, 0) for topic in (world.profiles, world.memberships)]

    assert remakings == [1, 0]
    assert {gap.cause for gap in gaps.values()} == {Cause.SHORTENED}
    assert gate == {0: 5, 1: 5}
    assert world.firsts_before(world.profiles) == {0: 5, 1: 5}


async def is_gone(client: Client, topic: str) -> bool:
    return await client.partitions(topic) == []


async def test_the_broker_is_asked_whether_anything_is_left_where_an_input_stands_still(
    client: Client, unique: str, world: World
) -> None:
    await world.history(world.profiles, 5)
    async with journal_on(client, unique) as journal:
        engine = world.engine(journal, world.profiles)
        async with started(engine.app):
            await until(lambda: engine.ready, 30, "the start")
            standing: Any = engine.app.standing
            offsets = standing._ours.offsets
            answers = [await offsets.exhausted((world.profiles, 0), position) for position in (0, 4, 5)]

    assert answers == [False, False, True]


async def test_what_stands_behind_an_open_transaction_is_left_to_read(
    client: Client, unique: str, world: World
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=client.bootstrap, transactional_id=unique)
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(world.profiles, b"not yet committed", b"k", partition=0)
        await world.history(world.profiles, 5)
        async with journal_on(client, unique) as journal:
            engine = world.engine(journal, world.profiles)
            async with started(engine.app):
                await until(lambda: engine.ready, 30, "the start")
                standing: Any = engine.app.standing
                is_exhausted = await standing._ours.offsets.exhausted((world.profiles, 0), 0)
        await producer.commit_transaction()
    finally:
        await producer.stop()

    assert not is_exhausted
