"""Changes the documents in force while workers run, as an operator's commands do, and waits until they follow."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from streams.configuration.canonical import canonical
from streams.configuration.stored import document_node
from streams.registry import edits
from streams.registry.creation import Site, begin
from streams.registry.edits import Author
from streams.registry.records import DESTINATION, Version
from streams.registry.registry import Registry
from streams.status.shapes import Destination, Worker
from streams.status.watching import Watch, watching
from tests.e2e.world import World
from tests.groups.members import following
from tests.reaching import brokers_of
from tests.waiting import until


class Changing:
    """The registry of a world's app, and what its workers report."""

    def __init__(self, world: World, registry: Registry, watch: Watch) -> None:
        self._world, self._registry, self._watch = world, registry, watch

    @property
    def _author(self) -> Author:
        return Author("ada@desk", int(time.time() * 1000))

    async def create(self, document: Mapping[str, Any], partitions: int = 4) -> Version:
        """Let a new destination begin, and write its document."""
        name = document["name"]
        await self._registry.caught_up()
        base = self._registry.in_force(DESTINATION, name)
        version = edits.created(base, _canonical(document), None, self._author)
        site = Site(brokers_of(self._world.client), self._world.app, partitions, None, creates_topics=True)
        await begin(site, f"{name}.{version.number}", self._registry.journal, version.written_at)
        await self._registry.write(DESTINATION, name, version)
        return version

    async def change(self, document: Mapping[str, Any], *, narrows: bool = False) -> Version:
        """Write the next version of a destination with another document."""
        base = await self._base(document["name"])
        version = edits.changed(base, _canonical(document), None, self._author)
        if narrows:
            version = Version(
                **{name: getattr(version, name) for name in Version.__struct_fields__}
                | {"min_version": version.version}
            )
        return await self._written(document["name"], version)

    async def pause(self, name: str, why: str) -> Version:
        """Pause a destination."""
        return await self._written(name, edits.paused(await self._base(name), why, self._author))

    async def resume(self, name: str) -> Version:
        """Resume a destination."""
        return await self._written(name, edits.resumed(await self._base(name), self._author))

    async def delete(self, name: str) -> Version:
        """Say that a destination is gone."""
        return await self._written(name, edits.deleted(await self._base(name), self._author))

    async def are_following(self, workers: int, followed: Mapping[str, int | None]) -> None:
        """Wait until so many workers report these versions by incarnation, None for none."""

        async def follow() -> bool:
            await self._watch.read(0.1)
            told = [{each: worker.followed.get(each) for each in followed} for worker in self.workers]
            return told == [dict(followed)] * workers

        await until(follow, 60, what=f"{workers} workers that follow {dict(followed)}")

    async def is_reported(self, name: str, state: str) -> Destination:
        """Wait until a destination is reported to be in a state."""
        found: list[Destination] = []

        async def reported() -> bool:
            await self._watch.read(0.1)
            reports = (each for each in self._watch.reports if isinstance(each, Destination))
            found[:] = [each for each in reports if (each.name, each.state) == (name, state)]
            return bool(found)

        await until(reported, 60, what=f"{name} is {state}")
        return found[0]

    async def are_refusing(self, name: str) -> str:
        """Wait until a worker reports that it cannot follow a destination; return why."""

        async def refuses() -> bool:
            await self._watch.read(0.1)
            return any(name in worker.refused for worker in self.workers)

        await until(refuses, 60, what=f"a refusal of {name}")
        return next(worker.refused[name] for worker in self.workers if name in worker.refused)

    @property
    def workers(self) -> list[Worker]:
        """What the workers reported last."""
        return [each for each in self._watch.reports if isinstance(each, Worker)]

    async def _base(self, name: str) -> Version:
        await self._registry.caught_up()
        base = self._registry.in_force(DESTINATION, name)
        assert base is not None
        return base

    async def _written(self, name: str, version: Version) -> Version:
        await self._registry.write(DESTINATION, name, version)
        return version


def _canonical(document: Mapping[str, Any]) -> dict[str, Any]:
    written = canonical(DESTINATION, document_node(dict(document), 1))
    assert written is not None
    return written


@asynccontextmanager
async def changing(world: World) -> AsyncIterator[Changing]:
    """Open the registry of an app whose workers have made its topics."""
    brokers = brokers_of(world.client)
    async with (
        following(brokers, f"{world.app}.destinations") as journal,
        watching(brokers, f"{world.app}.status") as watch,
    ):
        yield Changing(world, Registry(journal), watch)
