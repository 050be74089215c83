"""Where a member begins: new-born once, then where it left off, and never past what is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from aiokafka.errors import KafkaError

from streams.brokers import Brokers
from streams.groups.gaps import Birth, Cause, Gap, Partition, Resume
from streams.groups.journal import Journal
from streams.groups.starts import accepted, stand
from tests.brokers.client import Client
from tests.groups.members import Member, following, joined
from tests.reaching import brokers_of

pytestmark = pytest.mark.kafka
NOW = 1_700_000_000_000


class CrashError(Exception):
    """The process ended here."""


class CrashingJournal(Journal):
    """Ends where a birth would be recorded."""

    async def record_births(self, group: str, births: Mapping[Partition, Birth]) -> None:
        """Crash."""
        raise CrashError


class NotingJournal(Journal):
    """Notes when it has caught up."""

    def __init__(self, brokers: Brokers, topic: str) -> None:
        super().__init__(brokers, topic)
        self.notes: list[str] = []

    async def caught_up(self) -> None:
        """Catch up."""
        await super().caught_up()
        self.notes.append("caught up")

    def birth(self, group: str, partition: Partition) -> Birth | None:
        """Return the birth."""
        self.notes.append("asked")
        return super().birth(group, partition)


@pytest.fixture
async def orders(client: Client, unique: str) -> str:
    """A topic of two partitions with ten records in the first."""
    topic = await client.create_topic(f"{unique}.orders", 2)
    await client.produce(topic, [(b"k", b"v")] * 10, partition=0)
    return topic


@pytest.fixture
async def notes(client: Client, unique: str) -> str:
    return await client.create_topic(f"{unique}.destinations", 1, cleanup_policy="compact")


@pytest.fixture
async def journal(client: Client, notes: str) -> AsyncIterator[Journal]:
    async with following(brokers_of(client), notes) as journal:
        yield journal


@pytest.fixture
async def member(client: Client, unique: str, orders: str) -> AsyncIterator[Member]:
    async with joined(client.bootstrap, unique, orders) as member:
        yield member


async def test_a_new_born_group_begins_at_the_beginning_commits_it_and_remembers_its_birth(
    client: Client, orders: str, member: Member, journal: Journal
) -> None:
    await client.delete_records(orders, {0: 3})

    starts = await stand(member, member.group, member.partitions, journal, NOW)

    assert starts.at == {(orders, 0): 3, (orders, 1): 0}
    assert starts.births == {(orders, 0): Birth(3, 10, NOW), (orders, 1): Birth(0, 0, NOW)}
    assert starts.gaps == {}
    assert await client.committed(member.group, orders) == {0: 3, 1: 0}
    assert journal.birth(member.group, (orders, 0)) == Birth(3, 10, NOW)


async def test_it_goes_on_where_it_left_off_with_the_birth_it_had(
    client: Client, orders: str, member: Member, journal: Journal
) -> None:
    first = await stand(member, member.group, member.partitions, journal, NOW)
    await member.commit({(orders, 0): 7})
    await client.produce(orders, [(b"k", b"v")], partition=0)

    starts = await stand(member, member.group, member.partitions, journal, NOW + 5)

    assert starts.at == {(orders, 0): 7, (orders, 1): 0}
    assert starts.births == first.births


async def test_nothing_is_judged_before_the_journal_has_caught_up(client: Client, notes: str, member: Member) -> None:
    journal = NotingJournal(brokers_of(client), notes)
    try:
        await journal.start()
        await stand(member, member.group, member.partitions, journal, NOW)
    finally:
        await journal.stop()

    assert journal.notes[:2] == ["caught up", "asked"]


async def test_what_a_commit_carries_is_handed_on(orders: str, member: Member, journal: Journal) -> None:
    await stand(member, member.group, member.partitions, journal, NOW)
    (tp,) = (each for each in member.consumer.assignment() if each.partition == 0)
    await member.consumer.commit({tp: (4, "finished: 6, 8")})

    starts = await stand(member, member.group, member.partitions, journal, NOW)

    assert starts.at[orders, 0] == 4
    assert starts.metadata == {(orders, 0): "finished: 6, 8", (orders, 1): ""}


async def test_a_crash_between_commit_and_birth_is_no_gap_and_the_birth_is_recorded_next_time(
    client: Client, orders: str, notes: str, member: Member, journal: Journal
) -> None:
    async with following(brokers_of(client), notes, CrashingJournal) as crashing:
        with pytest.raises(CrashError):
            await stand(member, member.group, member.partitions, crashing, NOW)
    assert await client.committed(member.group, orders) == {0: 0, 1: 0}
    assert journal.birth(member.group, (orders, 0)) is None

    starts = await stand(member, member.group, member.partitions, journal, NOW + 5)

    assert starts.gaps == {}
    assert starts.at == {(orders, 0): 0, (orders, 1): 0}
    assert starts.births[orders, 0] == journal.birth(member.group, (orders, 0)) == Birth(0, 10, NOW + 5)


async def test_retention_that_overtook_the_group_is_a_gap_and_the_other_partition_goes_on(
    client: Client, orders: str, member: Member, journal: Journal
) -> None:
    await stand(member, member.group, member.partitions, journal, NOW)
    await member.commit({(orders, 0): 2})
    await client.delete_records(orders, {0: 6})

    starts = await stand(member, member.group, member.partitions, journal, NOW)

    gap = starts.gaps[orders, 0]
    assert gap == Gap(Cause.RETENTION, 2, 6, 10)
    assert gap.gone == 4
    assert starts.at == {(orders, 1): 0}
    assert await client.committed(member.group, orders) == {0: 2, 1: 0}


async def test_offsets_that_are_lost_are_a_gap_and_no_new_birth(
    client: Client, orders: str, unique: str, journal: Journal
) -> None:
    async with joined(client.bootstrap, unique, orders) as member:
        first = await stand(member, unique, member.partitions, journal, NOW)
    await client.delete_offsets(unique, orders)

    async with joined(client.bootstrap, unique, orders) as member:
        starts = await stand(member, unique, member.partitions, journal, NOW + 5)

    assert {each.cause for each in starts.gaps.values()} == {Cause.OFFSETS_LOST}
    assert len(starts.gaps) == 2
    assert starts.at == {}
    assert starts.births == first.births
    assert await client.committed(unique, orders) == {}


async def test_a_commit_above_the_end_is_a_gap(client: Client, orders: str, member: Member, journal: Journal) -> None:
    await stand(member, member.group, member.partitions, journal, NOW)
    await member.commit({(orders, 0): 11})

    starts = await stand(member, member.group, member.partitions, journal, NOW)

    assert starts.gaps == {(orders, 0): Gap(Cause.SHORTENED, 11, 0, 10)}


async def test_a_gap_stays_until_it_is_accepted_and_then_goes_on_at_the_beginning(
    client: Client, orders: str, member: Member, journal: Journal
) -> None:
    partition = (orders, 0)
    await stand(member, member.group, member.partitions, journal, NOW)
    await member.commit({partition: 2})
    await client.delete_records(orders, {0: 6})
    gap = (await stand(member, member.group, member.partitions, journal, NOW)).gaps[partition]
    assert await accepted(member, member.group, partition, gap, journal) is None

    await journal.accept(member.group, partition, gap, Resume.BEGINNING, NOW)
    await client.delete_records(orders, {0: 8})  # retention does not wait for the operator

    assert await accepted(member, member.group, partition, gap, journal) == 8
    assert (await client.committed(member.group, orders))[0] == 8
    assert (await stand(member, member.group, member.partitions, journal, NOW)).at[partition] == 8
    assert journal.acceptance(member.group, partition) is None


async def test_a_gap_can_be_accepted_at_the_end(client: Client, orders: str, member: Member, journal: Journal) -> None:
    partition = (orders, 0)
    await stand(member, member.group, member.partitions, journal, NOW)
    await client.delete_records(orders, {0: 6})
    gap = (await stand(member, member.group, member.partitions, journal, NOW)).gaps[partition]
    await journal.accept(member.group, partition, gap, Resume.END, NOW)

    assert await accepted(member, member.group, partition, gap, journal) == 10


async def test_what_was_accepted_for_one_gap_answers_no_other(
    client: Client, orders: str, member: Member, journal: Journal
) -> None:
    partition = (orders, 0)
    await stand(member, member.group, member.partitions, journal, NOW)
    await client.delete_records(orders, {0: 6})
    other = Gap(Cause.RETENTION, 1, 6, 10)
    await journal.accept(member.group, partition, other, Resume.END, NOW)
    gap = (await stand(member, member.group, member.partitions, journal, NOW)).gaps[partition]

    assert await accepted(member, member.group, partition, gap, journal) is None

    await journal.accept(member.group, partition, gap, Resume.BEGINNING, NOW)
    assert await accepted(member, member.group, partition, gap, journal) == 6


async def test_an_acceptance_that_nobody_needed_does_not_wait_for_the_next_gap(
    orders: str, member: Member, journal: Journal
) -> None:
    partition = (orders, 0)
    await stand(member, member.group, member.partitions, journal, NOW)
    await journal.accept(member.group, partition, Gap(Cause.OFFSETS_LOST, None, 0, 10), Resume.END, NOW)

    await stand(member, member.group, member.partitions, journal, NOW)

    assert journal.acceptance(member.group, partition) is None


class Cut(Member):
    """A member that is killed before its first commit."""

    def __init__(self, *args: str) -> None:
        super().__init__(*args)
        self.is_killed = False

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit nothing, once."""
        if not self.is_killed:
            self.is_killed = True
            raise ProcessLookupError
        await super().commit(offsets)


@pytest.mark.parametrize("cause", list(Cause))
async def test_that_offsets_began_again_is_written_down_before_anything_is_read_of_them(
    client: Client, unique: str, orders: str, journal: Journal, cause: Cause
) -> None:
    partition, committed = (orders, 0), None if cause is Cause.OFFSETS_LOST else 11
    gap, member = Gap(cause, committed, 0, 10), Cut(client.bootstrap, unique, orders)
    try:
        await member.join()
        await journal.accept(unique, partition, gap, Resume.BEGINNING, NOW)
        with pytest.raises(ProcessLookupError):
            await accepted(member, unique, partition, gap, journal)

        assert (journal.remakings(unique, partition) > 0) == (cause is Cause.SHORTENED)
        assert await accepted(member, unique, partition, gap, journal) == 0
    finally:
        await member.consumer.stop()


class Overtaken(Member):
    """A member to whom a rebalance happens once, between what it found and what it commits."""

    other: Member | None = None

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit after another member has joined."""
        other, self.other = self.other, None
        if other is not None:
            await other.join(1)
        await super().commit(offsets)


async def test_of_two_members_at_the_first_start_the_one_that_lost_its_partition_writes_nothing(
    client: Client, unique: str, orders: str, notes: str, journal: Journal
) -> None:
    one, two = Overtaken(client.bootstrap, unique, orders), Member(client.bootstrap, unique, orders)
    one.other = two
    async with following(brokers_of(client), notes) as second:
        try:
            await one.join(2)
            with pytest.raises(KafkaError):
                await stand(one, unique, one.partitions, journal, NOW)
            assert await client.committed(unique, orders) == {}
            await one.assigned(1)

            mine, theirs = await asyncio.gather(
                stand(one, unique, one.partitions, journal, NOW),
                stand(two, unique, two.partitions, second, NOW),
            )
        finally:
            await one.consumer.stop()
            await two.consumer.stop()

    assert mine.at | theirs.at == {(orders, 0): 0, (orders, 1): 0}
    assert len(mine.at) == len(theirs.at) == 1
    assert mine.gaps == theirs.gaps == {}
    assert await client.committed(unique, orders) == {0: 0, 1: 0}
