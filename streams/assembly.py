"""What a worker is put together from: its topics made ready, its stages, and the health that watches them."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from streams.activation.stage import ActivationStage, Seams, inputs_of
from streams.configuration.references import References
from streams.configuration.settings import Settings
from streams.delivering import deliveries, pruning
from streams.delivery.deliveries import Deliveries
from streams.delivery.pruning import Pruning
from streams.destinations import Destination
from streams.documents import Documents
from streams.exports import changelog_topic, exports_topic
from streams.following import Following
from streams.founding import found
from streams.groups.journal import Journal
from streams.journaling import Journaling
from streams.preconditions import listenable, writable
from streams.registry.registry import Registry
from streams.reporting import Reporting, identity_of, reporting
from streams.status.snapshot import Identity, Stages
from streams.telemetry import logs
from streams.telemetry.telemetry import Telemetry
from streams.topics import cluster, plan
from streams.topics.provision import doubts, needed, partitions
from streams.topics.watch import Watch
from streams.vitals import ACTIVATION, DELIVERY, HealthService, vitals

STAGES = frozenset({ACTIVATION, DELIVERY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a worker is started with; *only* names the destinations to deliver, None for all."""

    settings: Settings
    stages: frozenset[str]
    only: frozenset[str] | None
    references: References
    seams: Seams
    logging: logs.Logs


@dataclass(frozen=True, slots=True)
class Assembly:
    """The services of a worker, in the order in which they start."""

    journaling: Journaling
    health: HealthService
    reporting: Reporting
    activation: ActivationStage | None
    deliveries: Deliveries | None
    following: Following
    pruning: Pruning | None
    watch: Watch | None


async def assemble(given: Given) -> Assembly:
    """Make ready what the stages need, and return them; raises RefusedError, TopicError and ConfigurationError."""
    settings, identity = given.settings, identity_of(given.settings, given.stages)
    listenable(settings.http.host, settings.http.port)
    if ACTIVATION in given.stages and settings.state.store == "rocksdb":
        writable(settings.state.directory)
    await cluster.wait_for_broker(settings.kafka.brokers)
    count = await partitions(settings, reads_inputs=ACTIVATION in given.stages)
    await _topics(settings, (), count)
    journal = Journal(settings.kafka.brokers, plan.destinations(settings.app).name)
    await journal.start()
    try:
        documents = await _documents(given, journal, count, identity)
        await _topics(settings, documents.exported, count)
        for doubt in await doubts(settings) if ACTIVATION in given.stages else ():
            structlog.get_logger().warning("topics.warning", problem=doubt)
        return await _assembled(given, documents, count, journal, identity)
    except BaseException:
        await journal.stop()
        raise


async def _documents(given: Given, journal: Journal, count: int, identity: Identity) -> Documents:
    """Apply the files that the settings name, and return what is in force then."""
    registry = Registry(journal)
    await registry.caught_up()
    await found(given.settings, registry, count, f"worker {identity.id}")
    hide = given.logging.masks.hide
    documents = Documents(registry, given.references, delivers=DELIVERY in given.stages, hide=hide)
    documents.look()
    return documents


async def _assembled(given: Given, documents: Documents, count: int, journal: Journal, identity: Identity) -> Assembly:
    settings, logging, only = given.settings, given.logging, given.only
    telemetry = Telemetry(time.time, log=logging.canonical, log_delivered=settings.log.delivered)
    activation = delivered = None
    if ACTIVATION in given.stages:
        changelog = await cluster.compaction_of(settings.kafka.brokers, changelog_topic(settings.app))
        activation = ActivationStage(settings, documents.exported, count, changelog, telemetry, given.seams, journal)
    if DELIVERY in given.stages:
        chosen = [each for each in documents.delivered if only is None or each.name in only]
        delivered = deliveries(settings, chosen, telemetry, journal)
    following = Following(journal, documents, activation, delivered, only, forgotten=telemetry.forget_activation)
    running = Stages(activation, delivered, following, tuple(sorted(only or ())))
    health = vitals(settings, telemetry, running)
    reports = reporting(settings, identity, telemetry, running, health)
    following.told = reports.publisher.soon
    following.begin()
    return Assembly(
        Journaling(journal),
        health,
        reports,
        activation,
        delivered,
        following,
        None if delivered is None else pruning(settings, delivered),
        None if activation is None else _watch(settings, activation, count),
    )


def _watch(settings: Settings, activation: ActivationStage, count: int) -> Watch:
    """Return what ends the worker, in order, when the inputs are not any more what it was started for."""
    engine = activation.engine

    def changed() -> None:
        structlog.get_logger().error("inputs.changed", problems=watch.problems)
        engine.halt()
        signal.raise_signal(signal.SIGTERM)

    watch = Watch(settings.kafka.brokers, inputs_of(settings), count, changed, suspicion=engine.misfit)
    return watch


async def _topics(settings: Settings, destinations: Sequence[Destination], count: int) -> None:
    """Make our topics, with as many partitions as the inputs have; raises TopicError for one that is wrong.

    A queue that Kafka withholds from us is its destination's trouble, which the others do not share.
    """
    await cluster.ensure(
        settings.kafka.brokers,
        needed(settings.app, destinations, count),
        replication_factor=settings.kafka.replication_factor,
        create=settings.topics.create,
        spared=[exports_topic(settings.app, each.incarnation) for each in destinations],
    )
