"""A lease follows what the coordinator answers, and commits follow the lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError
from aiokafka.protocol.group import LeaveGroupRequest
from aiokafka.structs import OffsetAndMetadata

from streams.demo.broker import EmbeddedBroker
from streams.groups import coordinator
from streams.groups.clock import suspended
from streams.groups.gaps import Birth, Found, judge
from tests.brokers import kafka as real
from tests.brokers.client import Client
from tests.groups.members import Member, joined
from tests.waiting import until


@pytest.fixture
async def topic(client: Client, unique: str) -> str:
    return await client.create_topic(f"{unique}.orders", 2)


@pytest.fixture
async def member(client: Client, unique: str, topic: str) -> AsyncIterator[Member]:
    async with joined(client.bootstrap, unique, topic) as member:
        yield member


@pytest.mark.kafka
async def test_a_member_holds_its_lease_from_the_join_on_and_every_heartbeat_renews_it(member: Member) -> None:
    assert member.lease.held
    before = suspended() + member.lease.left

    await until(lambda: suspended() + member.lease.left > before + 0.5, 20)


@pytest.mark.kafka
async def test_the_lease_counts_from_the_moment_the_request_was_sent(kafka: real.Kafka, member: Member) -> None:
    await asyncio.to_thread(kafka.freeze)
    try:
        await until(lambda: member.lease.left < 3, 10)
    finally:
        await asyncio.to_thread(kafka.thaw)

    await until(lambda: any(answered - sent > 1 for sent, answered in member.lease.renewals), 20)


@pytest.mark.kafka
async def test_a_broker_that_answers_no_more_lets_the_lease_lapse(kafka: real.Kafka, member: Member) -> None:
    await asyncio.to_thread(kafka.freeze)
    try:
        await until(lambda: not member.lease.held, 10)
    finally:
        await asyncio.to_thread(kafka.thaw)

    await until(lambda: member.lease.held, 30)


@pytest.mark.kafka
async def test_leaving_the_group_ends_the_lease(client: Client, unique: str, topic: str) -> None:
    async with joined(client.bootstrap, unique, topic) as member:
        assert member.lease.held

    assert not member.lease.held


@pytest.mark.kafka
async def test_a_member_the_group_does_not_know_any_more_loses_its_lease_and_gets_it_back_by_joining(
    client: Client, member: Member
) -> None:
    known = member.consumer._coordinator.member_id
    assert member.lease.ends == 0
    await put_out(client, member)

    await until(lambda: member.lease.ends > 0, 20)
    await until(lambda: member.consumer._coordinator.member_id not in {known, ""}, 20)
    await until(lambda: member.lease.held, 20)


@pytest.mark.kafka
async def test_a_rebalance_that_takes_too_long_is_not_covered_by_its_heartbeats(
    client: Client, unique: str, topic: str
) -> None:
    """The coordinator puts out who does not join again in time, whatever heartbeats it answered meanwhile."""
    async with joined(client.bootstrap, unique, topic) as member:
        released = asyncio.Event()
        group = member.consumer._coordinator

        async def drained(previous: object) -> None:
            await released.wait()
            await prepare(previous)

        prepare, group._on_join_prepare = group._on_join_prepare, drained
        other = Member(client.bootstrap, unique, topic)
        joining = asyncio.create_task(other.join())
        await until(lambda: not member.lease.held, 10)
        assert member.consumer._coordinator.member_id != ""
        released.set()
        await joining
        await other.consumer.stop()


@pytest.mark.kafka
async def test_a_commit_waits_while_the_lease_has_lapsed_and_goes_on_when_it_is_renewed(
    client: Client, topic: str, member: Member
) -> None:
    member.lease.deaf = True
    member.lease.ended()
    heartbeats = len(member.lease.renewals)
    commit = asyncio.create_task(member.consumer.commit({TopicPartition(topic, 0): 0}))
    await until(lambda: len(member.lease.renewals) > heartbeats + 3, 20)
    assert not commit.done()
    assert await client.committed(member.group, topic) == {}

    member.lease.deaf = False
    await asyncio.wait_for(commit, 90)

    assert await client.committed(member.group, topic) == {0: 0}


@pytest.mark.kafka
async def test_a_commit_of_an_assignment_that_is_over_is_refused_although_the_member_is_back(
    client: Client, topic: str, member: Member
) -> None:
    over = member.consumer._subscription.subscription.assignment
    other = Member(client.bootstrap, member.group, topic)
    try:
        await other.join(1)
        await member.assigned(1)
        with pytest.raises(CommitFailedError):
            await member.consumer._coordinator.commit_offsets(
                over, {TopicPartition(topic, 0): OffsetAndMetadata(9, "")}
            )
    finally:
        await other.consumer.stop()


async def put_out(client: Client, member: Member) -> None:
    """Let the group forget the member, as when it was frozen."""
    async with client.admin() as admin:
        request = LeaveGroupRequest(member.group, member.consumer._coordinator.member_id)
        await admin._send_request(request, await admin.find_coordinator(member.group))


async def rebalance(_: Client, member: Member) -> None:
    """Let the member join again, which makes a new generation."""
    member.consumer._coordinator.request_rejoin()


@pytest.mark.kafka
@pytest.mark.parametrize("end", [put_out, rebalance])
async def test_a_commit_is_refused_from_the_end_of_its_membership_on_and_not_only_when_the_next_assignment_begins(
    client: Client, topic: str, member: Member, end: Callable[[Client, Member], Awaitable[None]]
) -> None:
    group, over = member.consumer._coordinator, member.consumer._subscription.subscription.assignment
    rejoined, go_on, complete = asyncio.Event(), asyncio.Event(), group._on_join_complete

    async def held(*joined: object) -> None:
        rejoined.set()
        await go_on.wait()
        await complete(*joined)

    group._on_join_complete = held
    try:
        await end(client, member)
        await asyncio.wait_for(rejoined.wait(), 90)
        assert (member.lease.held, over.active) == (True, True)
        with pytest.raises(CommitFailedError):
            await group.commit_offsets(over, {TopicPartition(topic, 0): OffsetAndMetadata(9, "")})
    finally:
        go_on.set()
    await until(lambda: not over.active, 20)

    await member.commit({(topic, 0): 3})
    assert await client.committed(member.group, topic) == {0: 3}


@pytest.mark.kafka
async def test_found_tells_offset_metadata_beginning_and_end(client: Client, topic: str, member: Member) -> None:
    await client.produce(topic, [(b"k", b"v")] * 5, partition=0)
    await client.delete_records(topic, {0: 2})
    await member.consumer.commit({TopicPartition(topic, 0): (3, "note")})

    found = await member.found([(topic, 0), (topic, 1)])

    assert found == {(topic, 0): Found(3, 2, 5, "note"), (topic, 1): Found(None, 0, 0)}


@pytest.mark.embedded
async def test_behind_a_batch_of_several_records_the_embedded_broker_tells_no_gap(embedded: EmbeddedBroker) -> None:
    client = Client(embedded.bootstrap)
    topic = await client.create_topic("orders", 1)
    await client.produce(topic, [(b"k", b"v")] * 20)
    tp = TopicPartition(topic, 0)
    async with client.consumer(group_id="shop") as consumer:
        consumer.assign([tp])
        await consumer.commit({tp: 20})

        found = (await coordinator.found(consumer, [(topic, 0)]))[topic, 0]

    assert judge(found, Birth(0, 0, 0)) == 20
