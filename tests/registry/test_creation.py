"""Wherever the creation of a destination stops, the next one goes on; a real Kafka says what is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from streams.brokers import Brokers
from streams.demo.broker import EmbeddedBroker
from streams.exports import delivery_group, exports_topic
from streams.groups.gaps import Birth, Partition
from streams.groups.journal import Journal
from streams.registry.applying import apply
from streams.registry.creation import Site, begin
from streams.registry.plans import Change, Plan
from streams.registry.records import ACCOUNT, DESTINATION, NamedAccount, Version
from streams.registry.registry import LostError, Registry
from streams.registry.removal import remove
from streams.topics import cluster, plan
from tests.brokers.client import Client
from tests.groups.members import following
from tests.reaching import brokers_of
from tests.registry.versions import CRM, a_version

PARTITIONS = 3


class StoppedError(Exception):
    """Where the process ends."""


class StoppingJournal(Journal):
    """A journal whose process ends before it writes what is named."""

    before = ""

    async def write(self, records: Mapping[str, bytes | None]) -> None:
        if any(self.before and key.startswith(self.before) for key in records):
            raise StoppedError
        await super().write(records)


@pytest.fixture
async def site(client: Client, unique: str) -> Site:
    await client.create_topic(plan.destinations(unique).name, 1, cleanup_policy="compact")
    return Site(brokers_of(client), unique, PARTITIONS, None, creates_topics=True)


@pytest.fixture
async def registry(client: Client, site: Site) -> AsyncIterator[Registry]:
    async with following(brokers_of(client), plan.destinations(site.app).name) as journal:
        yield Registry(journal)


def creating(version: Version | None = None, by: str = "ann@desk", **document: Any) -> Plan:
    version = version or a_version(1, by, document={**CRM, **document})
    return Plan((Change(DESTINATION, "crm", "create", None, version),))


async def applied(site: Site, registry: Registry, wanted: Plan | None = None) -> None:
    async def begun(incarnation: str) -> None:
        await begin(site, incarnation, registry.journal, 77)

    await registry.caught_up()
    await apply(wanted or creating(), registry, begun)


async def is_whole(client: Client, site: Site, registry: Registry, incarnation: str = "crm.1") -> None:
    """Assert that topic, offsets, births and document are there."""
    topic, group = exports_topic(site.app, incarnation), delivery_group(site.app, incarnation)
    config = await client.config(topic)
    assert (await client.partitions(topic), config["retention.ms"]) == ([*range(PARTITIONS)], "-1")
    assert await client.committed(group, topic) == dict.fromkeys(range(PARTITIONS), 0)
    births = {registry.journal.birth(group, (topic, number)) for number in range(PARTITIONS)}
    assert births == {Birth(0, 0, 77)}
    standing = registry.in_force(DESTINATION, "crm")
    assert standing is not None
    assert f"crm.{standing.number}" == incarnation


@pytest.mark.kafka
async def test_topic_offsets_and_births_are_there_before_the_document(
    client: Client, site: Site, registry: Registry
) -> None:
    await applied(site, registry)
    await is_whole(client, site, registry)

    keys = [record.key.decode().partition("/")[0] for record in await client.read(plan.destinations(site.app).name)]
    assert keys == ["birth"] * PARTITIONS + ["destination"]


@pytest.mark.kafka
@pytest.mark.parametrize("before", ["birth/", "destination/"])
async def test_what_stopped_before_a_write_is_gone_on_with(
    client: Client, site: Site, registry: Registry, before: str
) -> None:
    journal = StoppingJournal(brokers_of(client), plan.destinations(site.app).name)
    journal.before = before
    await journal.start()
    try:
        with pytest.raises(StoppedError):
            await applied(site, Registry(journal))
    finally:
        await journal.stop()
    assert registry.in_force(DESTINATION, "crm") is None

    await applied(site, registry)

    await is_whole(client, site, registry)


@pytest.mark.kafka
async def test_what_stopped_after_the_topic_is_gone_on_with(client: Client, site: Site, registry: Registry) -> None:
    await cluster.ensure(site.brokers, [plan.exports(site.app, "crm.1", PARTITIONS)])

    await applied(site, registry)

    await is_whole(client, site, registry)


@pytest.mark.kafka
async def test_offsets_that_went_away_meanwhile_are_no_gap(client: Client, site: Site, registry: Registry) -> None:
    await begin(site, "crm.1", registry.journal, 77)
    await client.delete_offsets(delivery_group(site.app, "crm.1"), exports_topic(site.app, "crm.1"))

    await applied(site, registry)

    await is_whole(client, site, registry)


@pytest.mark.kafka
async def test_a_name_that_is_used_again_gets_nothing_of_its_predecessor(
    client: Client, site: Site, registry: Registry
) -> None:
    await applied(site, registry)
    await client.produce(exports_topic(site.app, "crm.1"), [(b"p", b"{}")])
    await registry.write(DESTINATION, "crm", a_version(2, life="deleted", document={}))

    await applied(site, registry, creating(a_version(3, number=2, min_version=3)))

    await is_whole(client, site, registry, "crm.2")
    assert await client.end_offsets(exports_topic(site.app, "crm.2")) == dict.fromkeys(range(PARTITIONS), 0)


@pytest.mark.kafka
async def test_two_that_create_the_same_at_once_both_have_it(client: Client, site: Site, registry: Registry) -> None:
    async with following(brokers_of(client), plan.destinations(site.app).name) as journal:
        await asyncio.gather(applied(site, registry), applied(site, Registry(journal), creating(by="bob@home")))

    await registry.caught_up()
    await is_whole(client, site, registry)
    assert len(registry.history(DESTINATION, "crm")) == len(registry.journal.under("destination/crm/1")) == 1


@pytest.mark.kafka
async def test_of_two_that_create_different_ones_at_once_one_is_told(
    client: Client, site: Site, registry: Registry
) -> None:
    async with following(brokers_of(client), plan.destinations(site.app).name) as journal:
        ended = await asyncio.gather(
            applied(site, registry),
            applied(site, Registry(journal), creating(by="bob@home", segments=["b"])),
            return_exceptions=True,
        )
    (lost,) = [each for each in ended if each is not None]
    await registry.caught_up()

    assert isinstance(lost, LostError)
    assert lost.winner == registry.in_force(DESTINATION, "crm")
    await is_whole(client, site, registry)


@pytest.mark.kafka
@pytest.mark.parametrize("account_first", [True, False])
async def test_who_names_an_account_while_another_changes_it_gets_the_changed_one(
    client: Client, site: Site, registry: Registry, account_first: bool
) -> None:
    """Either has planned by what was in force before the other one wrote."""
    old = {"kind": "account", "name": "partner", "httpEndpoint": "https://old/"}
    new = {**old, "httpEndpoint": "https://new/"}
    named = NamedAccount(name="partner", version=1, document=old)
    await registry.write(ACCOUNT, "partner", a_version(1, document=old))
    moving = Plan((Change(ACCOUNT, "partner", "change", None, a_version(2, "bob@home", document=new)),))
    naming = creating(a_version(1, document={**CRM, "account": "partner"}, account=named))

    for wanted in (moving, naming) if account_first else (naming, moving):
        await applied(site, registry, wanted)

    standing = registry.in_force(DESTINATION, "crm")
    assert standing is not None
    assert standing.account == NamedAccount(name="partner", version=2, document=new)
    assert (standing.version, standing.min_version) == (2, 2)


@pytest.mark.kafka
async def test_who_creates_it_when_it_is_delivered_already_moves_no_offset(
    client: Client, site: Site, registry: Registry
) -> None:
    topic, group = exports_topic(site.app, "crm.1"), delivery_group(site.app, "crm.1")
    await applied(site, registry)
    await client.produce(topic, [(b"p", b"{}")] * 4, partition=1)
    async with client.consumer(group_id=group) as member:
        member.subscribe([topic])
        await member.getmany(timeout_ms=10_000)
        await member.commit()
        before = await client.committed(group, topic)

        await begin(site, "crm.1", registry.journal, 99)

        assert await client.committed(group, topic) == before
    partition: Partition = (topic, 0)
    assert registry.journal.birth(group, partition) == Birth(0, 0, 77)


@pytest.mark.embedded
async def test_it_begins_and_ends_on_the_embedded_broker(embedded: EmbeddedBroker) -> None:
    brokers, client = Brokers((embedded.bootstrap,)), Client(embedded.bootstrap)
    topic = await client.create_topic(plan.destinations("shop").name, 1)
    site = Site(brokers, "shop", PARTITIONS, None, creates_topics=True)
    async with following(brokers, topic) as journal:
        registry = Registry(journal)
        await asyncio.wait_for(applied(site, registry), 90)

        assert journal.birth("shop.delivery.crm.1", ("shop.exports.crm.1", 0)) == Birth(0, 0, 77)
        assert registry.in_force(DESTINATION, "crm") == a_version(1)

        await asyncio.wait_for(remove(brokers, "shop", "crm.1", journal), 90)
        assert await client.partitions("shop.exports.crm.1") == []
        assert journal.under("birth/") == []
