"""Deletes a destination: drained first, or at once. Whatever interrupts it, deleting again goes on where it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from aiokafka.errors import KafkaError, NonEmptyGroup

from streams.codes import Obstacle, coded
from streams.exports import delivery_group, exports_topic
from streams.groups.entries import names_of_group
from streams.registry import edits
from streams.registry.applying import write
from streams.registry.creation import Site
from streams.registry.edits import Author
from streams.registry.records import DESTINATION, Version
from streams.registry.registry import Registry, RegistryError
from streams.registry.removal import remove
from streams.registry.waiting import Crew, Waited
from streams.status.offsets import looking
from streams.status.overview import ACTIVATION, waiting

LOOK_SECONDS = 0.25
"""How often it is looked at what is still to be delivered."""
AGAIN_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Deletion:
    """The deletion of one destination."""

    site: Site
    registry: Registry
    crew: Crew
    name: str
    author: Author

    @property
    def version(self) -> Version | None:
        """What is in force."""
        return self.registry.in_force(DESTINATION, self.name)

    async def drain(self, timeout_seconds: float) -> Waited:
        """Let nothing more be exported to it; return which workers with activation have not followed that."""
        version = self.version
        if version is not None and version.life == "live":
            version = edits.draining(version, self.author)
            await write(self.registry, DESTINATION, self.name, version)
        if version is None or version.life == "deleted":
            return Waited()
        return await self.crew.follow({_incarnation(self.name, version): version.version}, timeout_seconds, ACTIVATION)

    async def undelivered(self) -> AsyncIterator[int]:
        """Yield how many exports are still to be delivered, every moment, until there are none."""
        async with looking(self.site.brokers) as offsets:
            while (version := self.version) is not None and version.life == "draining":
                topic = exports_topic(self.site.app, _incarnation(self.name, version))
                group = delivery_group(self.site.app, _incarnation(self.name, version))
                count = (await offsets.topics()).get(topic, 0)
                found = await offsets.found({group: [(topic, number) for number in range(count)]})
                left = sum(map(waiting, found[group].values()))
                yield left
                if not left:
                    return
                await asyncio.sleep(LOOK_SECONDS)
                await self.registry.caught_up()

    async def end(self, timeout_seconds: float) -> Waited:
        """Say that it is deleted; return which workers still follow it."""
        version = self.version
        if version is None:
            return Waited()
        if version.life != "deleted":
            version = edits.deleted(version, self.author)
            await write(self.registry, DESTINATION, self.name, version)
        return await self.crew.follow({_incarnation(self.name, version): None}, timeout_seconds)

    async def remove(self, timeout_seconds: float) -> list[str]:
        """Take away what it, and every one before it of this name, left behind; return those incarnations.

        Raises RegistryError where a group that should be empty still has members when the time is over.
        """
        leftovers = [each async for each in self._leftovers()]
        for incarnation in leftovers:
            await self._removed(incarnation, timeout_seconds)
        await self.registry.tidy(DESTINATION, self.name)
        return leftovers

    async def _removed(self, incarnation: str, timeout_seconds: float) -> None:
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while True:
            try:
                return await remove(self.site.brokers, self.site.app, incarnation, self.registry.journal)
            except KafkaError as error:
                if not (error.retriable or isinstance(error, NonEmptyGroup)):
                    raise
                if asyncio.get_running_loop().time() > deadline:
                    raise RegistryError(_still(incarnation, error)) from error
            await asyncio.sleep(AGAIN_SECONDS)

    async def _leftovers(self) -> AsyncIterator[str]:
        version = self.version
        if version is None:
            return
        async with looking(self.site.brokers) as offsets:
            topics = await offsets.topics()
        for number in range(1, version.number + (version.life == "deleted")):
            incarnation = f"{self.name}.{number}"
            if exports_topic(self.site.app, incarnation) in topics or self._remembered(incarnation):
                yield incarnation

    def _remembered(self, incarnation: str) -> bool:
        group = delivery_group(self.site.app, incarnation)
        return bool(self.registry.journal.under(*names_of_group(group)))


def _incarnation(name: str, version: Version) -> str:
    return f"{name}.{version.number}"


def _still(incarnation: str, error: KafkaError) -> str:
    why = "its group still has members" if isinstance(error, NonEmptyGroup) else type(error).__name__
    told = f"{incarnation} is deleted, but what it leaves could not be taken away ({why}): say it again in a minute"
    return coded(told, Obstacle.GROUP_IN_USE)


def in_use(account: str, users: Iterable[str]) -> str:
    """Return why an account is not deleted."""
    told = (
        f"account {account} is in use by {', '.join(users)}: let them name another one, or delete them first "
        "(streams destinations apply, streams destinations delete)"
    )
    return coded(told, Obstacle.ACCOUNT_IN_USE)
