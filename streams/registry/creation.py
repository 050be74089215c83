"""Lets an incarnation begin: its queue, where its group starts, and its births, before its document is written.

Each step finds what an interrupted one left, so that whoever applies the document next goes on where it stopped. A new
incarnation gets nothing of the one before it: topic, group and births are named by its own number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.brokers import Brokers
from streams.exports import delivery_group, exports_topic
from streams.groups.coordinator import found
from streams.groups.gaps import Birth, Found, Partition
from streams.groups.journal import Journal
from streams.stopping import stopped
from streams.topics import cluster, plan


@dataclass(frozen=True, slots=True)
class Site:
    """Where incarnations are: an app on a cluster, and how topics are made there."""

    brokers: Brokers
    app: str
    partitions: int
    replication_factor: int | None
    creates_topics: bool


async def begin(site: Site, incarnation: str, journal: Journal, now_ms: int) -> None:
    """Make the topic, commit where the group starts, record its births; raises TopicError and KafkaError.

    While no document of it is in force nobody exports to it or delivers it, so what is there is ours to mend.
    """
    topic = plan.exports(site.app, incarnation, site.partitions)
    await cluster.ensure(site.brokers, [topic], replication_factor=site.replication_factor, create=site.creates_topics)
    group = delivery_group(site.app, incarnation)
    starts = await _committed(site, group, exports_topic(site.app, incarnation))
    births = {each: Birth(at.beginning, at.end, now_ms) for each, at in starts.items()}
    unborn = {each: birth for each, birth in births.items() if journal.birth(group, each) is None}
    if unborn:
        await journal.record_births(group, unborn)


async def _committed(site: Site, group: str, topic: str) -> Mapping[Partition, Found]:
    """Commit the beginning of each partition where *group* has no commit that holds; return what is known of each."""
    consumer = site.brokers.consumer(
        client_id=f"{site.app}-creation", group_id=group, enable_auto_commit=False, auto_offset_reset="none"
    )
    try:
        await consumer.start()
        tps = [TopicPartition(topic, number) for number in range(site.partitions)]
        consumer.assign(tps)
        known = await found(consumer, [tuple(each) for each in tps])
        starts = {tp: known[tuple(tp)].beginning for tp in tps if not _holds(known[tuple(tp)])}
        if starts:
            await _commit(consumer, starts, group)
        return known
    finally:
        await stopped(consumer.stop())


async def _commit(consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int], group: str) -> None:
    """Commit beside the group, which the broker takes only while it has no members."""
    try:
        await consumer.commit(dict(starts))
    except KafkaError as error:
        known = await found(consumer, [tuple(each) for each in starts])
        if not all(map(_holds, known.values())):  # another that creates it, at once, may have been faster
            raise KafkaError(f"group {group} cannot begin ({type(error).__name__}): is it in use?") from error


def _holds(known: Found) -> bool:
    return known.committed is not None and known.beginning <= known.committed <= known.end
