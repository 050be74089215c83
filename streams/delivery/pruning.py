"""Deletes from the exports topics what has ended and is older than is to be kept; Kafka itself never deletes there.

What has ended is what its group has committed, as the broker knows it at that moment. So it is no matter who deletes,
or when: no commit ever falls below a partition's beginning by it (design law 4.8). Whoever owns a partition does it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import KafkaError
from mode import Service

from streams.brokers import Brokers
from streams.codes import Advice
from streams.stopping import stopped

MOST_SECONDS, LEAST_SECONDS = 60.0, 5.0
"""How seldom, and how often, it is looked; Kafka frees the disk by whole segments anyway."""
TODO = "allow this worker to DELETE on it, or set delivery.keepSeconds to -1: then its exports are kept for ever"

Offsets = Mapping[TopicPartition, int]


class Owned(NamedTuple):
    """The partitions of an exports topic that this process delivers."""

    topic: str
    group: str
    partitions: frozenset[int]

    @property
    def tps(self) -> list[TopicPartition]:
        """The partitions as aiokafka names them."""
        return [TopicPartition(self.topic, number) for number in sorted(self.partitions)]


class Pruning(Service):  # type: ignore[misc]  # mode is untyped
    """Of one process, whatever it owns at the time; *keep_seconds* 0 = delete what has ended at once.

    Without the right to delete it says so once per topic and goes on; so it does where the broker is away.
    """

    def __init__(
        self,
        brokers: Brokers,
        owned: Callable[[], Iterable[Owned]],
        keep_seconds: float,
        *,
        wall: Callable[[], float],
        every_seconds: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._brokers, self._owned, self._keep_seconds = brokers, owned, keep_seconds
        self._wall, self._every_seconds = wall, every_seconds or min(MOST_SECONDS, max(LEAST_SECONDS, keep_seconds))
        self._pruned: dict[TopicPartition, int] = {}
        """What was deleted below, so that the same is not asked for again."""
        self._told: set[str] = set()

    @Service.task  # type: ignore[untyped-decorator]
    async def _prune_regularly(self) -> None:
        while not self.should_stop:
            await self.sleep(self._every_seconds)
            try:
                await self.prune()
            except (KafkaError, OSError, TimeoutError):
                continue  # the broker is away: next time

    async def prune(self) -> Offsets:
        """Delete what may be deleted now; return below which offset, for each partition of which something was."""
        owned = [each for each in self._owned() if each.partitions]
        if not owned:
            return {}
        async with self._connected() as (admin, consumer):
            ended = self._new(await _committed(admin, owned))
            due = self._new(await self._older(consumer, ended))
            return await self._deleted(admin, due)

    def _new(self, offsets: Offsets) -> Offsets:
        return {tp: offset for tp, offset in offsets.items() if offset != self._pruned.get(tp, 0)}

    async def _older(self, consumer: AIOKafkaConsumer, ended: Offsets) -> Offsets:
        """Return for each partition the offset below which all has ended and is older than is to be kept."""
        if not ended or not self._keep_seconds:
            return ended
        cutoff_ms = max(0, int((self._wall() - self._keep_seconds) * 1000))
        younger = await consumer.offsets_for_times(dict.fromkeys(ended, cutoff_ms))
        return {tp: min(offset, younger[tp].offset) if younger.get(tp) else offset for tp, offset in ended.items()}

    async def _deleted(self, admin: AIOKafkaAdminClient, due: Offsets) -> Offsets:
        """Delete topic by topic, since one may be refused and the others not."""
        deleted: dict[TopicPartition, int] = {}
        for topic in sorted({tp.topic for tp in due}):
            mine = {tp: offset for tp, offset in due.items() if tp.topic == topic}
            try:
                await admin.delete_records({tp: RecordsToDelete(offset) for tp, offset in mine.items()})
            except KafkaError as error:
                if not error.retriable:
                    self._refused(topic, error)
                continue
            self._told.discard(topic)
            self._pruned |= mine
            deleted |= mine
        return deleted

    def _refused(self, topic: str, error: KafkaError) -> None:
        if topic not in self._told:
            self._told.add(topic)
            named = {"topic": topic, "why": type(error).__name__, "code": Advice.EXPORTS_KEPT.value}
            structlog.get_logger().warning("exports.not-deleted", **named, todo=TODO)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[AIOKafkaAdminClient, AIOKafkaConsumer]]:
        """Lend clients for one look: it is rare, and connections that idle cost the broker more."""
        admin, consumer = self._brokers.admin(), self._brokers.consumer()
        try:
            await admin.start()
            await consumer.start()
            yield admin, consumer
        finally:
            await stopped(consumer.stop())
            await stopped(admin.close())


async def _committed(admin: AIOKafkaAdminClient, owned: Iterable[Owned]) -> Offsets:
    """Return what each group has committed; a partition without a commit is absent."""
    found: dict[TopicPartition, int] = {}
    for each in owned:
        answer = await admin.list_consumer_group_offsets(each.group, partitions=each.tps)
        found |= {tp: commit.offset for tp, commit in answer.items() if commit.offset >= 0}
    return found
