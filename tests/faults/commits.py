"""A sampler of committed offsets: it asks the broker ten times a second and keeps what has changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.faults.evidence import Commit
from tests.waiting import until

EVERY_SECONDS = 0.1
ASK_SECONDS = 3.0


class Commits:
    """Follows the commits of *groups*; ``changes`` are those that were seen, in that order."""

    def __init__(self, bootstrap: str, groups: Sequence[str]) -> None:
        self._bootstrap, self._groups = bootstrap, list(groups)
        self._task: asyncio.Task[None] | None = None
        self.changes: list[Commit] = []
        self.now: dict[tuple[str, str, int], Commit] = {}
        """The last one seen of each group, topic and partition."""
        self.samples = 0

    def follow(self, group: str) -> None:
        """Follow one more group from now on."""
        self._groups.append(group)

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """Return the offsets that were last seen."""
        return {partition: each.offset for (g, t, partition), each in self.now.items() if (g, t) == (group, topic)}

    async def renewed(self, within_seconds: float) -> None:
        """Wait until each group has committed anew in each partition of which it has committed a record.

        Where it has only begun, as with the commands that nobody gives, nothing new is to come.
        """
        places, seen = {place for place, commit in self.now.items() if commit.offset}, len(self.changes)

        def are_renewed() -> bool:
            return places <= {(each.group, each.topic, each.partition) for each in self.changes[seen:]}

        await until(are_renewed, within_seconds, "all partitions are committed again")

    async def _follow(self) -> None:
        while True:
            with suppress(KafkaError, OSError, TimeoutError):
                await self._sample()
            await asyncio.sleep(1.0)  # the broker is away

    async def _sample(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            await admin.start()
            last = time.time()
            while True:
                began = time.time()
                for group in list(self._groups):
                    async with asyncio.timeout(ASK_SECONDS):  # wait_for may swallow the cancellation that ends this
                        found = await admin.list_consumer_group_offsets(group)
                    at = time.time()
                    for tp, each in found.items():
                        self._keep(Commit(group, tp.topic, tp.partition, each.offset, each.metadata, last, at))
                self.samples += 1
                last = began
                await asyncio.sleep(max(0.0, began + EVERY_SECONDS - time.time()))
        finally:
            await admin.close()

    def _keep(self, commit: Commit) -> None:
        place = (commit.group, commit.topic, commit.partition)
        known = self.now.get(place)
        if known is None or (known.offset, known.metadata) != (commit.offset, commit.metadata):
            self.now[place] = commit
            self.changes.append(commit)
