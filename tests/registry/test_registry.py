"""Two that write at once: one wins and all agree on it, the other is told who, and leaves nothing; on a real Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streams.registry.records import ACCOUNT, DESTINATION
from streams.registry.registry import LostError, Registry, UnreadableError
from tests.brokers.client import Client
from tests.groups.members import following
from tests.reaching import brokers_of
from tests.registry.versions import a_version

pytestmark = pytest.mark.kafka


@pytest.fixture
async def topic(client: Client, unique: str) -> str:
    return await client.create_topic(f"{unique}.destinations", 1, cleanup_policy="compact")


@asynccontextmanager
async def a_registry(client: Client, topic: str) -> AsyncIterator[Registry]:
    async with following(brokers_of(client), topic) as journal:
        registry = Registry(journal)
        await asyncio.wait_for(registry.caught_up(), 90)
        yield registry


@pytest.fixture
async def registry(client: Client, topic: str) -> AsyncIterator[Registry]:
    async with a_registry(client, topic) as registry:
        yield registry


async def test_what_one_wrote_another_process_finds_in_force(client: Client, topic: str, registry: Registry) -> None:
    await registry.write(DESTINATION, "crm", a_version(1))
    await registry.write(DESTINATION, "crm", a_version(2, number=1, min_version=2))
    await registry.write(ACCOUNT, "crm", a_version(1, document={"kind": "account", "name": "crm"}))

    async with a_registry(client, topic) as other:
        assert other.in_force(DESTINATION, "crm") == a_version(2, min_version=2)
        assert other.standing(DESTINATION) == {"crm": a_version(2, min_version=2)}
        assert [*other.standing(ACCOUNT)] == ["crm"]
        assert [each.version for each in other.history(DESTINATION, "crm")] == [1, 2]
        assert other.in_force(DESTINATION, "ads") is None


async def test_of_two_operators_one_wins_and_the_other_is_told_and_leaves_nothing(
    client: Client, topic: str, registry: Registry
) -> None:
    async with a_registry(client, topic) as other:
        for version in range(1, 6):
            ended = await asyncio.gather(
                registry.write(DESTINATION, "crm", a_version(version, "ann@desk")),
                other.write(DESTINATION, "crm", a_version(version, "bob@home")),
                return_exceptions=True,
            )
            await asyncio.gather(registry.caught_up(), other.caught_up())
            (lost,) = [each for each in ended if each is not None]

            assert isinstance(lost, LostError)
            winner = registry.in_force(DESTINATION, "crm")
            assert winner == other.in_force(DESTINATION, "crm") == lost.winner
            assert winner.by == ("ann@desk" if ended[0] is None else "bob@home")
            assert f"{winner.by} was faster" in str(lost)
            assert len(registry.journal.under(f"destination/crm/{version}")) == 1


async def test_who_looked_before_two_others_wrote_has_lost(client: Client, topic: str, registry: Registry) -> None:
    async with a_registry(client, topic) as other:
        await other.write(DESTINATION, "crm", a_version(1, "bob@home"))
        await other.write(DESTINATION, "crm", a_version(2, "bob@home"))
        await other.tidy(DESTINATION, "crm")

        with pytest.raises(LostError, match="bob@home was faster and wrote version 2"):
            await registry.write(DESTINATION, "crm", a_version(1, "ann@desk"))


async def test_older_versions_are_taken_away_for_all_and_the_one_in_force_stays(
    client: Client, topic: str, registry: Registry
) -> None:
    for version in (1, 2, 3):
        await registry.write(DESTINATION, "crm", a_version(version))
    await registry.write(DESTINATION, "ads", a_version(1))

    await registry.tidy(DESTINATION, "crm")

    async with a_registry(client, topic) as other:
        assert [each.version for each in other.history(DESTINATION, "crm")] == [3]
        assert [each.version for each in other.history(DESTINATION, "ads")] == [1]


async def test_what_another_release_wrote_is_not_replaced(client: Client, topic: str, registry: Registry) -> None:
    await registry.write(DESTINATION, "crm", a_version(1))
    await client.produce(topic, [(b"destination/crm/2/x", b'{"version": 2, "life": "frozen"}')])
    await registry.caught_up()

    assert registry.unreadable(DESTINATION) == {"crm": 2}
    assert registry.standing(DESTINATION) == {}
    with pytest.raises(UnreadableError, match="destination crm version 2 was written by another release"):
        registry.in_force(DESTINATION, "crm")


async def test_all_that_is_remembered_of_a_group_is_forgotten_for_all(
    client: Client, topic: str, registry: Registry
) -> None:
    journal = registry.journal
    for group in ("shop.delivery.crm.1", "shop.delivery.crm.11"):
        await journal.record_remaking(group, ("shop.exports.crm.1", 0), 5)

    await journal.forget("shop.delivery.crm.1")

    async with a_registry(client, topic) as other:
        assert other.journal.remakings("shop.delivery.crm.1", ("shop.exports.crm.1", 0)) == 0
        assert other.journal.remakings("shop.delivery.crm.11", ("shop.exports.crm.1", 0)) == 1
