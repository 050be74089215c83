"""What the journal was told survives its process, is agreed upon by all, and a broker away is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiokafka.errors import KafkaError

from streams.brokers import Brokers
from streams.demo.broker import EmbeddedBroker
from streams.groups.gaps import Birth, Cause, Gap, Partition, Resume
from streams.groups.journal import Journal
from tests.brokers import kafka as real
from tests.brokers.client import Client
from tests.groups.members import following
from tests.reaching import brokers_of

ORDERS: Partition = ("orders", 0)
GAP = Gap(Cause.RETENTION, 3, 5, 9)


@pytest.fixture
async def topic(client: Client, unique: str) -> str:
    return await client.create_topic(f"{unique}.destinations", 1, cleanup_policy="compact")


@pytest.fixture
async def journal(client: Client, topic: str) -> AsyncIterator[Journal]:
    async with following(brokers_of(client), topic) as journal:
        yield journal


@pytest.mark.kafka
async def test_what_one_process_wrote_another_one_knows_once_it_has_caught_up(
    client: Client, topic: str, journal: Journal
) -> None:
    births = {("orders", number): Birth(number, 10, 99) for number in range(20)}
    await journal.record_births("shop", births)
    await journal.accept("shop", ORDERS, GAP, Resume.END, 7)

    async with following(brokers_of(client), topic) as other:
        await asyncio.wait_for(other.caught_up(), 90)

        assert {each: other.birth("shop", each) for each in births} == births
        acceptance = other.acceptance("shop", ORDERS)
        assert acceptance is not None
        assert (acceptance.answers(GAP), acceptance.resume, acceptance.at) == (True, Resume.END, 7)


@pytest.mark.kafka
async def test_of_two_that_write_at_once_one_counts_for_both(client: Client, topic: str, journal: Journal) -> None:
    async with following(brokers_of(client), topic) as other:
        await asyncio.gather(
            journal.record_births("shop", {ORDERS: Birth(1, 1, 1)}),
            other.record_births("shop", {ORDERS: Birth(2, 2, 2)}),
        )
        await asyncio.gather(journal.caught_up(), other.caught_up())

        assert journal.birth("shop", ORDERS) == other.birth("shop", ORDERS) is not None


@pytest.mark.kafka
async def test_who_listens_has_heard_before_who_waits_is_told(client: Client, topic: str, journal: Journal) -> None:
    known: list[Birth | None] = []
    async with following(brokers_of(client), topic) as other:
        other.listen(lambda: known.append(other.birth("shop", ORDERS)))
        await journal.record_births("shop", {ORDERS: Birth(1, 1, 1)})
        await asyncio.wait_for(other.caught_up(), 90)

        assert known[-1] == Birth(1, 1, 1)


@pytest.mark.kafka
async def test_an_acceptance_that_is_settled_is_gone_for_all(client: Client, topic: str, journal: Journal) -> None:
    await journal.accept("shop", ORDERS, GAP, Resume.BEGINNING, 7)
    acceptance = journal.acceptance("shop", ORDERS, GAP)
    assert acceptance is not None

    await journal.settle(acceptance)

    assert journal.acceptance("shop", ORDERS) is None
    async with following(brokers_of(client), topic) as other:
        await other.caught_up()
        assert other.acceptance("shop", ORDERS) is None


@pytest.mark.kafka
async def test_who_waits_for_a_change_is_told_of_what_another_process_wrote(
    client: Client, topic: str, journal: Journal
) -> None:
    seen = journal.revision
    waiting = asyncio.create_task(journal.changed(seen))
    async with following(brokers_of(client), topic) as other:
        await other.accept("shop", ORDERS, GAP, Resume.END, 7)

    assert await asyncio.wait_for(waiting, 90) > seen
    assert await asyncio.wait_for(journal.changed(seen), 90) > seen
    assert journal.acceptance("shop", ORDERS) is not None


@pytest.mark.kafka
async def test_records_of_others_on_the_topic_are_left_alone(client: Client, topic: str, journal: Journal) -> None:
    await client.produce(
        topic, [(b"destination/crm/1/abc", b"{}"), (b"birth", b"x"), (b"birth/shop/orders/0/x", b"no")]
    )
    await journal.caught_up()

    assert journal.birth("shop", ORDERS) is None
    await journal.record_births("shop", {ORDERS: Birth(1, 2, 3)})
    assert journal.birth("shop", ORDERS) == Birth(1, 2, 3)


@pytest.mark.kafka
async def test_a_topic_whose_records_are_gone_is_caught_up(client: Client, topic: str, journal: Journal) -> None:
    await client.configure(topic, cleanup_policy="compact,delete")
    await client.produce(topic, [(b"a", b"b")] * 5)
    await journal.caught_up()
    await client.delete_records(topic, {0: 5})

    async with following(brokers_of(client), topic) as other:
        await asyncio.wait_for(other.caught_up(), 90)
        await other.record_births("shop", {ORDERS: Birth(1, 2, 3)})
        assert other.birth("shop", ORDERS) == Birth(1, 2, 3)


async def test_no_broker_is_an_error_in_bounded_time_and_leaves_nothing_behind() -> None:
    journal = Journal(Brokers(("127.0.0.1:1",)), "shop.destinations")

    with pytest.raises(KafkaError):
        await asyncio.wait_for(journal.start(), 60)
    await asyncio.wait_for(journal.stop(), 90)


@pytest.mark.kafka
async def test_a_broker_that_goes_away_is_waited_for(kafka: real.Kafka, topic: str, journal: Journal) -> None:
    await journal.record_births("shop", {ORDERS: Birth(1, 2, 3)})
    await asyncio.to_thread(kafka.kill)
    try:
        late = asyncio.create_task(journal.caught_up())
        writing = asyncio.create_task(journal.record_births("shop", {("orders", 1): Birth(4, 5, 6)}))
        await asyncio.wait([late, writing], timeout=2)
        assert journal.birth("shop", ORDERS) == Birth(1, 2, 3)
        assert not writing.done()
    finally:
        await asyncio.to_thread(kafka.start)

    await asyncio.wait_for(asyncio.gather(late, writing), 60)

    assert journal.birth("shop", ("orders", 1)) == Birth(4, 5, 6)


@pytest.mark.kafka
async def test_stopping_is_bounded_although_the_broker_is_away(kafka: real.Kafka, topic: str, journal: Journal) -> None:
    await journal.record_births("shop", {ORDERS: Birth(1, 2, 3)})
    await asyncio.to_thread(kafka.kill)
    try:
        writing = asyncio.create_task(journal.record_births("shop", {("orders", 1): Birth(4, 5, 6)}))
        await asyncio.wait([writing], timeout=1)
        await asyncio.wait_for(journal.stop(), 40)
        with pytest.raises(KafkaError):
            await asyncio.wait_for(writing, 90)
    finally:
        await asyncio.to_thread(kafka.start)


@pytest.mark.embedded
async def test_it_works_on_the_embedded_broker(embedded: EmbeddedBroker) -> None:
    topic = await Client(embedded.bootstrap).create_topic("shop.destinations", 1)
    births = {("orders", number): Birth(number, 10, 99) for number in range(7)}
    async with following(Brokers((embedded.bootstrap,)), topic) as journal:
        await asyncio.wait_for(journal.record_births("shop", births), 90)
    async with following(Brokers((embedded.bootstrap,)), topic) as journal:
        await asyncio.wait_for(journal.caught_up(), 90)
        assert {each: journal.birth("shop", each) for each in births} == births
        await asyncio.wait_for(journal.accept("shop", ORDERS, GAP, Resume.END, 7), 90)
        acceptance = journal.acceptance("shop", ORDERS)
        assert acceptance is not None
        await asyncio.wait_for(journal.settle(acceptance), 90)
        assert journal.acceptance("shop", ORDERS) is None
