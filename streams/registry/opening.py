"""Opens the registry of an app from outside of its workers, to look at it or to change it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.configuration.settings import Settings
from streams.groups.journal import Journal
from streams.registry.creation import Site
from streams.registry.registry import Registry
from streams.topics import cluster, plan

ANSWER_SECONDS = 10.0
"""How long the broker may take to answer at all."""


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Registry]:
    """Lend the registry, read to its end; its topic is made where it is missing. Raises what a cluster raises."""
    kafka, topic = settings.kafka, plan.destinations(settings.app)
    await cluster.wait_for_broker(kafka.brokers, within_seconds=ANSWER_SECONDS)
    await cluster.ensure(
        kafka.brokers, [topic], replication_factor=kafka.replication_factor, create=settings.topics.create
    )
    async with _followed(settings, topic.name) as registry:
        yield registry


@asynccontextmanager
async def looked_at(settings: Settings) -> AsyncIterator[Registry | None]:
    """Lend the registry, read to its end, and change nothing; None where it has never been written to."""
    await cluster.wait_for_broker(settings.kafka.brokers, within_seconds=ANSWER_SECONDS)
    topic = plan.destinations(settings.app).name
    if not await cluster.exists(settings.kafka.brokers, topic):
        yield None
        return
    async with _followed(settings, topic) as registry:
        yield registry


@asynccontextmanager
async def _followed(settings: Settings, topic: str) -> AsyncIterator[Registry]:
    journal = Journal(settings.kafka.brokers, topic)
    try:
        await journal.start()
        registry = Registry(journal)
        await registry.caught_up()
        yield registry
    finally:
        await journal.stop()


async def site_of(settings: Settings) -> Site:
    """Return where incarnations of the app are; raises TopicError where the inputs do not agree."""
    inputs = [name for _, name in settings.inputs.roles()]
    partitions = await cluster.partitions_of(settings.kafka.brokers, inputs, settings.inputs.partitions)
    kafka = settings.kafka
    return Site(kafka.brokers, settings.app, partitions, kafka.replication_factor, settings.topics.create)
