"""How activation is asked to export a profile anew, in place of an export that must not be posted any more.

Such an export was rendered before something was taken away from the destination, so that it may say too much, or go
where it should not. Who owns the profile knows what it may be told now.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable
from typing import Protocol

import msgspec
from aiokafka.errors import KafkaError

from streams.delivery.on_demand import NotWrittenError, OnDemand
from streams.exports import Export, brief
from streams.profile_commands import WITHDRAWING, ReExport, encode_command

REMEMBERED_PROFILES = 100_000
"""How many profiles are remembered as asked for; to ask twice does no harm."""

BY = "delivery"


class Asked:
    """For which profiles of a destination activation was asked, and has not exported them since."""

    def __init__(self, limit: int = REMEMBERED_PROFILES) -> None:
        self._limit = limit
        self._versions: OrderedDict[bytes, int] = OrderedDict()

    def __len__(self) -> int:
        """Return how many profiles are remembered."""
        return len(self._versions)

    def covers(self, export: Export, version: int) -> bool:
        """Whether *export* needs no question of its own: its profile was asked for by *version*, or a later one."""
        return export.meta.trigger not in WITHDRAWING and self._versions.get(brief(export.key), 0) >= version

    def asked(self, key: bytes, version: int) -> None:
        """Remember that the profile was asked for."""
        key = brief(key)
        self._versions[key] = version
        self._versions.move_to_end(key)
        if len(self._versions) > self._limit:
            self._versions.popitem(last=False)

    def answered(self, key: bytes) -> None:
        """Forget it: the profile was exported anew, and what comes after that was not asked for."""
        self._versions.pop(brief(key), None)


def question(export: Export, incarnation: str, version: int) -> ReExport:
    """Return what is asked in place of *export*.

    Of a profile that was forgotten nothing may be left but the last export that says so, or that it had left before; so
    it goes along.
    """
    if export.meta.trigger not in WITHDRAWING:
        return ReExport(destination=incarnation, version=version, by=BY)
    return ReExport(destination=incarnation, version=version, by=BY, withdrawal=msgspec.Raw(export.body))


class Producer(Protocol):
    """What questions need of an idempotent producer."""

    async def start(self) -> None:
        """Connect."""

    async def partitions_for(self, topic: str) -> set[int]:
        """Return the partition numbers of a topic; raises KafkaError if it does not exist."""

    async def send(self, topic: str, value: bytes, key: bytes, partition: int) -> Awaitable[object]:
        """Queue a record; the answer resolves when the broker has confirmed it."""


class Asking:
    """The topic of commands as one process writes it, by *producers*; the broker may take *confirm_seconds*."""

    def __init__(self, topic: str, producers: OnDemand[Producer], *, confirm_seconds: float) -> None:
        self._topic, self._producers, self._confirm_seconds = topic, producers, confirm_seconds

    async def ask(self, export: Export, command: ReExport) -> None:
        """Write *command* for the export's profile and return when the broker confirmed it; else NotWrittenError."""
        try:
            producer = await self._producers.started()
            partitions = await producer.partitions_for(self._topic)
        except KafkaError as error:
            raise NotWrittenError(f"{self._topic}: {type(error).__name__}") from error
        if export.partition not in partitions:
            raise NotWrittenError(f"{self._topic} has no partition {export.partition}")
        try:
            async with asyncio.timeout(self._confirm_seconds):
                value = encode_command(command)
                await (await producer.send(self._topic, value, export.key, export.partition))
        except (KafkaError, TimeoutError) as error:
            await self._producers.discard(producer)
            raise NotWrittenError(f"{self._topic}: {type(error).__name__}") from error

    async def close(self) -> None:
        """End the producer."""
        await self._producers.close()
