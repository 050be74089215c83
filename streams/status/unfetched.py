"""How old the oldest export is that waits and is not fetched: stopped by a gap, by a fault, by a stuck fetch.

What a delivery holds tells its age by itself. This asks the broker about the rest, every few seconds and apart from
the deliveries' own consumers, since those may be what is stuck. An idle queue costs its share of one request: commits
are asked for only where a queue has grown, and a record is read only where two looks found the same one waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from aiokafka.errors import KafkaError
from mode import Service

from streams.brokers import Brokers
from streams.groups.gaps import Found, Partition
from streams.status.offsets import looking
from streams.status.overview import next_offset, waiting

LOOK_SECONDS = 10.0
BROKER_SECONDS = 8.0
"""How long the broker may take for one look."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue to look at; *partitions* are ours, None where it is unknown which, so that all count."""

    topic: str
    group: str
    partitions: frozenset[int] | None


class View(Protocol):
    """What is used of `Offsets`."""

    async def topics(self) -> dict[str, int]:
        """Return each topic and how many partitions it has."""

    async def ends(self, partitions: Collection[Partition]) -> dict[Partition, int]:
        """Return where each partition ends."""

    async def found(self, groups: Mapping[str, Collection[Partition]]) -> dict[str, dict[Partition, Found]]:
        """Return what is known of each group and each of its partitions."""

    async def timestamps(self, positions: Mapping[Partition, int]) -> dict[Partition, int]:
        """Return the timestamp of the first record at or above each position."""


class Backlogs:
    """Remembers from look to look what waits, so that each look asks for as little as possible."""

    def __init__(self) -> None:
        self._settled: dict[Partition, int] = {}  # the end up to which nothing waited
        self._waiting: dict[Partition, int] = {}  # where the oldest one stands that waited at the last look
        self._timestamps: dict[tuple[Partition, int], int] = {}
        self._check = False
        self._oldest: dict[str, int] = {}

    def oldest(self, topic: str) -> int | None:
        """Return the timestamp of the oldest record of *topic* that waits unfetched, as the last look found it."""
        return self._oldest.get(topic)

    async def look(self, view: View, queues: Iterable[Queue]) -> None:
        """Look at *queues*, and forget all others."""
        partitions = await self._partitions(view, list(queues))
        self._check = True  # until the ends are told: they never are for a topic that is gone
        ends = await view.ends(partitions)
        self._check = False
        grown: dict[str, list[Partition]] = {}
        for partition, group in partitions.items():
            if self._settled.get(partition) != ends[partition]:
                grown.setdefault(group, []).append(partition)
        found = {each: it for of_group in (await view.found(grown)).values() for each, it in of_group.items()}
        self._settled = {each: end for each, end in ends.items() if each not in found or not waiting(found[each])}
        before, self._waiting = self._waiting, {each: next_offset(it) for each, it in found.items() if waiting(it)}
        await self._date({each: offset for each, offset in self._waiting.items() if before.get(each) == offset}, view)

    async def _partitions(self, view: View, queues: list[Queue]) -> dict[Partition, str]:
        """Return each partition to look at and its group; all topics are only asked for where that is needed."""
        topics = None
        if self._check or any(queue.partitions is None for queue in queues):
            topics = await view.topics()
        partitions: dict[Partition, str] = {}
        for queue in queues:
            numbers: Iterable[int] = queue.partitions or ()
            if topics is not None:
                there = range(topics.get(queue.topic, 0))
                numbers = there if queue.partitions is None else queue.partitions & set(there)
            partitions |= {(queue.topic, number): queue.group for number in numbers}
        return partitions

    async def _date(self, stuck: Mapping[Partition, int], view: View) -> None:
        """Find the timestamps of what was found waiting twice; each record is read once."""
        known = {each: self._timestamps[each] for each in stuck.items() if each in self._timestamps}
        asked = {partition: offset for partition, offset in stuck.items() if (partition, offset) not in known}
        dated = await view.timestamps(asked)
        self._timestamps = known | {(each, stuck[each]): timestamp for each, timestamp in dated.items()}
        self._oldest = {}
        for ((topic, _), _), timestamp in self._timestamps.items():
            self._oldest[topic] = min(timestamp, self._oldest.get(topic, timestamp))


class Unfetched(Service):  # type: ignore[misc]  # mode is untyped
    """Looks at *queues* from ``start()`` to ``stop()``; nothing waits for it, what it cannot see stays as it was."""

    def __init__(
        self,
        brokers: Brokers,
        queues: Callable[[], Iterable[Queue]],
        *,
        seconds: float = LOOK_SECONDS,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._brokers, self._queues, self._seconds = brokers, queues, seconds
        self._backlogs = Backlogs()
        self.oldest = self._backlogs.oldest

    @Service.task  # type: ignore[untyped-decorator]
    async def _look_regularly(self) -> None:
        while not self.should_stop:
            try:
                async with looking(self._brokers) as offsets:
                    await self._look_until_it_fails(offsets)
            except (KafkaError, OSError, TimeoutError) as error:
                structlog.get_logger().debug("backlog.unseen", error=type(error).__name__)
            await self.sleep(self._seconds)

    async def _look_until_it_fails(self, offsets: View) -> None:
        while not self.should_stop:
            async with asyncio.timeout(BROKER_SECONDS):
                await self._backlogs.look(offsets, self._queues())
            await self.sleep(self._seconds)
