"""What a worker reports to follow: never more than all of its stages do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Any

import pytest

from streams.destinations import Destination
from streams.following import Following
from tests.deliverables import a_destination
from tests.waiting import until


class AJournal:
    """Tells who listens, when a test says so."""

    def __init__(self) -> None:
        self.heard: Callable[[], None] = lambda: None

    def listen(self, heard: Callable[[], None]) -> None:
        self.heard = heard


class SomeDocuments:
    """What is in force, as a test says."""

    def __init__(self) -> None:
        self.exported: list[Destination] = []
        self.gone: frozenset[str] = frozenset()
        self.refused: dict[str, str] = {}
        self.governing: dict[str, int] = {}

    @property
    def delivered(self) -> list[Destination]:
        return self.exported

    def look(self, *, again: bool = False) -> bool:
        return True


class AStage:
    """Both stages: follows at once, and is done when a test says so."""

    def __init__(self) -> None:
        self.exported: list[str] = []
        self.wanted: list[str] = []
        self.followed: dict[str, int] = {}
        self.flush, self.settle = asyncio.Event(), asyncio.Event()
        self.unreached: dict[str, str] = {}

    def follow(self, destinations: list[Destination], gone: Collection[str]) -> None:
        self.exported = [each.incarnation for each in destinations]

    async def flushed(self) -> None:
        await self.flush.wait()

    def want(self, destinations: Iterable[Destination]) -> None:
        self.wanted = [each.incarnation for each in destinations]

    async def settled(self) -> dict[str, str]:
        await self.settle.wait()
        return self.unreached


class World:
    """A worker's following, of the stages that a test names."""

    def __init__(self, *, exports: bool = True, delivers: bool = True, only: frozenset[str] | None = None) -> None:
        self.journal, self.documents, self.stage = AJournal(), SomeDocuments(), AStage()
        self.told, self.forgotten = 0, list[str]()
        journal: Any = self.journal
        documents: Any = self.documents
        stages = self.stage if exports else None, self.stage if delivers else None
        self.following = Following(journal, documents, *stages, only, forgotten=self.forgotten.append)
        self.following.told = self._tell

    def _tell(self) -> None:
        self.told += 1

    def write(self, *destinations: Destination) -> None:
        self.documents.exported = list(destinations)
        self.journal.heard()


async def turns() -> None:
    """Let all go on that can."""
    for _ in range(10):
        await asyncio.sleep(0)


CRM, ERP = a_destination("crm"), a_destination("erp")


async def test_a_version_is_followed_when_what_was_rendered_before_is_written_and_posted() -> None:
    world = World()
    world.following.begin()
    world.write(CRM)
    assert (world.stage.exported, world.stage.wanted) == (["crm.1"], ["crm.1"])
    world.stage.followed = {"crm.1": 1}
    await turns()
    assert world.following.followed == {}

    world.stage.flush.set()
    await until(lambda: world.following.followed == {"crm.1": 1}, what="what is told")
    assert world.told > 1

    world.stage.flush.clear()
    world.write(replace(CRM, version=2))
    world.stage.followed = {"crm.1": 2}
    await turns()
    assert world.following.followed == {"crm.1": 1}
    world.stage.flush.set()
    await until(lambda: world.following.followed == {"crm.1": 2})
    await world.following.on_stop()


async def test_what_is_gone_is_followed_as_long_as_one_of_its_requests_may_be_open() -> None:
    world = World()
    world.stage.flush.set()
    world.following.begin()
    world.write(CRM, ERP)
    world.stage.followed = {"crm.1": 1, "erp.1": 1}
    await until(lambda: world.following.followed == {"crm.1": 1, "erp.1": 1})
    world.documents.gone = frozenset({"erp.1"})
    world.write(CRM)
    assert world.forgotten == ["erp"]
    await turns()
    assert world.following.followed == {"crm.1": 1, "erp.1": 1}

    world.stage.followed = {"crm.1": 1}
    assert world.following.followed == {"crm.1": 1}
    await world.following.on_stop()


async def test_what_is_not_delivered_here_is_no_matter_of_delivery() -> None:
    world = World(only=frozenset({"crm"}))
    world.stage.flush.set()
    world.following.begin()
    world.write(CRM, ERP)
    assert world.stage.wanted == ["crm.1"]
    await until(lambda: world.following.followed == {"erp.1": 1})
    world.stage.followed = {"crm.1": 1}
    assert world.following.followed == {"crm.1": 1, "erp.1": 1}
    await world.following.on_stop()


async def test_one_stage_alone_says_what_it_follows_itself() -> None:
    delivers, exports = World(exports=False), World(delivers=False)
    for world in (delivers, exports):
        world.stage.flush.set()
        world.following.begin()
        world.write(CRM)
    delivers.stage.followed = {"crm.1": 1}
    assert delivers.following.followed == {"crm.1": 1}
    await until(lambda: exports.following.followed == {"crm.1": 1})
    for world in (delivers, exports):
        await world.following.on_stop()


async def test_what_governs_is_followed_when_all_stages_go_by_it() -> None:
    world = World()
    world.following.begin()
    world.documents.governing = {"policy/no-c2": 1}
    world.write(replace(CRM, forbidden="C2 on person"))
    await turns()
    assert world.following.followed == {}

    world.stage.settle.set()
    await turns()
    assert world.following.followed == {}

    world.stage.flush.set()
    await until(lambda: world.following.followed == {"policy/no-c2": 1})

    world.stage.settle.clear()
    world.documents.governing = {"policy/no-c2": 2}
    world.write(CRM)
    await turns()
    assert world.following.followed == {"policy/no-c2": 1}
    world.stage.settle.set()
    await until(lambda: world.following.followed == {"policy/no-c2": 2})
    await world.following.on_stop()


@pytest.mark.parametrize("exports", [True, False])
async def test_one_stage_alone_goes_by_what_governs_when_it_does(exports: bool) -> None:
    world = World(exports=exports, delivers=not exports)
    world.documents.governing = {"policy/no-c2": 1}
    world.following.begin()
    await turns()
    assert world.following.followed == {}
    world.stage.flush.set()
    world.stage.settle.set()
    await until(lambda: world.following.followed == {"policy/no-c2": 1})
    await world.following.on_stop()


async def test_what_cannot_be_reached_and_what_cannot_be_followed_is_refused() -> None:
    world = World()
    world.stage.unreached, world.documents.refused = {"crm": "its endpoint cannot be reached"}, {"erp": "no secret"}
    world.stage.settle.set()
    world.following.begin()
    world.write(CRM, ERP)
    await until(lambda: world.following.refused == {"crm": "its endpoint cannot be reached", "erp": "no secret"})
    await world.following.on_stop()
