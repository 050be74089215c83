"""Which partitions of an app stand still at a gap, found from the broker alone: no worker need be running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.brokers import Brokers
from streams.exports import delivery_group, exports_topic
from streams.groups.gaps import Found, Gap, Partition, Resume, judge
from streams.groups.journal import Journal
from streams.groups.ranges import believed_end
from streams.stopping import stopped

ACTIVATION, DELIVERY = "activation", "delivery"


@dataclass(frozen=True, slots=True)
class Standing:
    """A partition with a gap: whose it is, and where it goes on if that has been accepted and not yet acted upon."""

    stage: str
    group: str
    partition: Partition
    gap: Gap
    accepted: Resume | None


class Survey:
    """Asks a broker about an app's groups, and writes down what its operator accepts."""

    def __init__(
        self, app: str, inputs: Iterable[str], admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, journal: Journal
    ) -> None:
        self._app, self._inputs = app, frozenset(inputs)
        self._admin, self._consumer, self._journal = admin, consumer, journal

    async def gaps(self) -> list[Standing]:
        """Return every gap of the app's groups, ordered by topic and partition; raises KafkaError."""
        partitions = await _partitions(self._admin)
        if self._journal.topic not in partitions:
            return []  # no worker has begun with anything yet
        await self._journal.start()
        await self._journal.caught_up()
        return [
            standing
            for stage, group, topic in self._groups(partitions)
            for standing in await self._of(stage, group, [TopicPartition(topic, each) for each in partitions[topic]])
        ]

    async def accept(self, standing: Standing, resume: Resume, at_ms: int) -> None:
        """Write down that *standing* goes on at *resume*; whoever has the partition acts upon it."""
        await self._journal.accept(standing.group, standing.partition, standing.gap, resume, at_ms)

    def _groups(self, topics: Iterable[str]) -> list[tuple[str, str, str]]:
        prefix = exports_topic(self._app, "")
        delivered = [(topic, topic.removeprefix(prefix)) for topic in topics if topic.startswith(prefix)]
        return sorted(
            [(ACTIVATION, self._app, topic) for topic in topics if topic in self._inputs]
            + [(DELIVERY, delivery_group(self._app, incarnation), topic) for topic, incarnation in delivered]
        )

    async def _of(self, stage: str, group: str, tps: Sequence[TopicPartition]) -> list[Standing]:
        # In the order of the offsets: what is written, committed and deleted meanwhile is then no gap.
        beginnings = await self._consumer.beginning_offsets(tps)
        committed = await self._admin.list_consumer_group_offsets(group, partitions=list(tps))
        ends = await self._consumer.end_offsets(tps)
        standings = []
        for tp in tps:
            partition = (tp.topic, tp.partition)
            offset = _known(committed[tp].offset) if tp in committed else None
            end = await believed_end(self._consumer._client, tp, offset, ends[tp])
            found = Found(offset, beginnings[tp], end)
            verdict = judge(found, self._journal.birth(group, partition))
            if isinstance(verdict, Gap):
                acceptance = self._journal.acceptance(group, partition, verdict)
                accepted = None if acceptance is None else acceptance.resume
                standings.append(Standing(stage, group, partition, verdict, accepted))
        return standings


def _known(offset: int) -> int | None:
    return None if offset < 0 else offset


async def _partitions(admin: AIOKafkaAdminClient) -> Mapping[str, Sequence[int]]:
    """Return the partitions of every topic; never asked by name, since some brokers create what is asked for."""
    described = await admin.describe_topics()
    return {each["topic"]: sorted(part["partition"] for part in each["partitions"]) for each in described}


@asynccontextmanager
async def surveying(
    brokers: Brokers, app: str, inputs: Iterable[str], journal_topic: str, *, within_seconds: float
) -> AsyncIterator[Survey]:
    """Lend a survey; raises KafkaError, or TimeoutError if all that is asked takes more than *within_seconds*."""
    admin = brokers.admin()
    consumer = brokers.consumer(isolation_level="read_committed")
    journal = Journal(brokers, journal_topic)
    try:
        async with asyncio.timeout(within_seconds):
            await admin.start()
            await consumer.start()
            yield Survey(app, inputs, admin, consumer, journal)
    except TimeoutError as error:
        raise TimeoutError(f"the broker did not tell all of it within {within_seconds:.0f} s") from error
    finally:
        await journal.stop()
        await stopped(consumer.stop())
        await stopped(admin.close())
