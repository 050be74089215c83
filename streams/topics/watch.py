"""Notices that an input has another number of partitions than it had when the worker started, or is gone.

A key's partition depends on that number. From the moment it changes, producers put a profile's records where nothing of
it is known, and the group hands the inputs' partitions out apart from each other. No later record may be joined.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, NoError, UnknownTopicOrPartitionError, for_code
from mode import Service

from streams.brokers import Brokers
from streams.codes import Refusal, coded
from streams.stopping import stopped
from streams.topics.plan import changes

LOOK_SECONDS = 2.0
"""How often it is looked; so long may records be taken that were placed by another number."""
CONFIRM_SECONDS = 0.2
"""How soon it is looked again: a broker that has just started may not know of all yet."""
CONFIRMATIONS = 3


class Watch(Service):  # type: ignore[misc]  # mode is untyped
    """Of the *inputs*, which had so many *partitions* when the worker started.

    *changed* is called, once, with what is wrong; *suspicion* is set by whoever has found partitions that do not fit.
    """

    def __init__(
        self,
        brokers: Brokers,
        inputs: Collection[str],
        partitions: int,
        changed: Callable[[], None],
        *,
        suspicion: asyncio.Event | None = None,
        every_seconds: float = LOOK_SECONDS,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._brokers, self._inputs, self._partitions = brokers, sorted(inputs), partitions
        self._changed, self._every_seconds = changed, every_seconds
        self._suspicion = suspicion or asyncio.Event()
        self._admin: AIOKafkaAdminClient | None = None
        self.problems: list[str] = []
        """What is wrong, and how to mend it; empty as long as all is as it was."""

    @Service.task  # type: ignore[untyped-decorator]
    async def _watch(self) -> None:
        while not self.should_stop:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._suspicion.wait(), self._every_seconds)
            if found := await self._confirmed():
                self.problems = found
                self._changed()
                return

    async def _confirmed(self) -> list[str]:
        """Return what is wrong and stays so; a broker that is away tells nothing."""
        found: list[str] = []
        for _ in range(CONFIRMATIONS):
            found = changes(await self._counts(), self._partitions)
            if not found and not self._suspicion.is_set():
                return found
            await asyncio.sleep(CONFIRM_SECONDS)
        if not found and self._suspicion.is_set():
            what = "the group has assigned partitions of the inputs that do not belong together: start the worker again"
            return [coded(what, Refusal.INPUT_CHANGED)]
        return found

    async def _counts(self) -> Mapping[str, int | None]:
        """Return each input's number of partitions, None if it is gone; those that cannot be asked for are absent."""
        try:
            # By name, which is cheap wherever there are many topics; it creates nothing (see streams.metadata).
            described = await (await self._connected()).describe_topics(self._inputs)
        except (KafkaError, OSError, TimeoutError):
            return {}
        counts: dict[str, int | None] = {}
        for each in described:
            error = for_code(each["error_code"])
            if error is NoError:
                counts[each["topic"]] = len(each["partitions"])
            elif error is UnknownTopicOrPartitionError:
                counts[each["topic"]] = None
        return counts

    async def _connected(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            admin = self._brokers.admin()
            try:
                await admin.start()
            except BaseException:
                await stopped(admin.close())
                raise
            self._admin = admin
        return self._admin

    async def on_stop(self) -> None:
        """Disconnect."""
        if self._admin is not None:
            await stopped(self._admin.close())
