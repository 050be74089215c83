"""What a worker is put together from: its topics made ready, its stages, and the health that watches them."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from streams.activation.stage import ActivationStage, Seams, inputs_of
from streams.configuration.settings import Settings
from streams.creations import fixed
from streams.delivery.bounds import Shared
from streams.delivery.deliveries import Deliveries
from streams.delivery.member import Connection
from streams.delivery.pruning import Owned, Pruning
from streams.delivery.retries import pause
from streams.delivery.tools import Attempt
from streams.destinations import Destination
from streams.endpoints.egress import Egress
from streams.endpoints.endpoint import reach
from streams.exports import changelog_topic, delivery_group, exports_topic
from streams.groups.journal import Journal
from streams.journaling import Journaling
from streams.preconditions import listenable, writable
from streams.reporting import Reporting, reporting
from streams.status.snapshot import Stages
from streams.telemetry import logs
from streams.telemetry.telemetry import Telemetry
from streams.topics import cluster, plan
from streams.topics.provision import doubts, needed, partitions
from streams.topics.watch import Watch
from streams.vitals import ACTIVATION, DELIVERY, HealthService, vitals

STAGES = frozenset({ACTIVATION, DELIVERY})


@dataclass(frozen=True, slots=True)
class Assembly:
    """The services of a worker, in the order in which they start."""

    journaling: Journaling
    health: HealthService
    reporting: Reporting
    activation: ActivationStage | None
    deliveries: Deliveries | None
    pruning: Pruning | None
    watch: Watch | None


async def assemble(
    settings: Settings,
    destinations: Sequence[Destination],
    stages: frozenset[str],
    only: frozenset[str] | None,
    seams: Seams,
    logging: logs.Logs,
) -> Assembly:
    """Make ready what the stages need, and return them; raises RefusedError and TopicError."""
    listenable(settings.http.host, settings.http.port)
    if ACTIVATION in stages and settings.state.store == "rocksdb":
        writable(settings.state.directory)
    count = await _topics(settings, destinations, reads_inputs=ACTIVATION in stages)
    journal = Journal(settings.kafka.brokers, plan.destinations(settings.app).name)
    await journal.start()
    try:
        return await _assembled(settings, destinations, stages, only, seams, logging, count, journal)
    except BaseException:
        await journal.stop()
        raise


async def _assembled(
    settings: Settings,
    destinations: Sequence[Destination],
    stages: frozenset[str],
    only: frozenset[str] | None,
    seams: Seams,
    logging: logs.Logs,
    count: int,
    journal: Journal,
) -> Assembly:
    telemetry = Telemetry(time.time, log=logging.canonical, log_delivered=settings.log.delivered)
    activation = None
    if ACTIVATION in stages:
        changelog = await cluster.compaction_of(settings.kafka.brokers, changelog_topic(settings.app))
        known = await fixed(destinations, journal, int(time.time() * 1000))
        activation = ActivationStage(settings, known, count, changelog, telemetry, seams, journal)
    chosen = [d for d in destinations if only is None or d.name in only]
    deliveries = _deliveries(settings, chosen, telemetry, journal) if DELIVERY in stages else None
    running = Stages(activation, deliveries, chosen if deliveries else ())
    health = vitals(settings, telemetry, running)
    reports = reporting(settings, telemetry, running, health)
    watch = None if activation is None else _watch(settings, activation, count)
    pruning = None if deliveries is None else _pruning(settings, deliveries)
    return Assembly(Journaling(journal), health, reports, activation, deliveries, pruning, watch)


def _pruning(settings: Settings, deliveries: Deliveries) -> Pruning | None:
    """Return what deletes exports that have ended; None where they are kept for ever."""
    app, keep_seconds = settings.app, settings.delivery.keep_seconds
    if keep_seconds < 0:
        return None

    def owned() -> Iterator[Owned]:
        for delivery in deliveries.live:
            name = delivery.destination.incarnation
            yield Owned(exports_topic(app, name), delivery_group(app, name), frozenset(delivery.partitions))

    return Pruning(settings.kafka.brokers, owned, keep_seconds, wall=time.time)


def _watch(settings: Settings, activation: ActivationStage, count: int) -> Watch:
    """Return what ends the worker, in order, when the inputs are not any more what it was started for."""
    engine = activation.engine

    def changed() -> None:
        structlog.get_logger().error("inputs.changed", problems=watch.problems)
        engine.halt()
        signal.raise_signal(signal.SIGTERM)

    watch = Watch(settings.kafka.brokers, inputs_of(settings), count, changed, suspicion=engine.misfit)
    return watch


def _deliveries(
    settings: Settings, destinations: Sequence[Destination], telemetry: Telemetry, journal: Journal
) -> Deliveries:
    told = {destination.incarnation: telemetry.delivery(destination) for destination in destinations}
    egress = Egress(settings.egress.allow)

    @asynccontextmanager
    async def reached(destination: Destination, lease: Callable[[], float]) -> AsyncIterator[Attempt]:
        telemetry = told[destination.incarnation]
        async with reach(
            destination,
            egress,
            now=time.time,
            monotonic=time.monotonic,
            token_fetched=telemetry.token_fetched,
            resent=telemetry.resent,
            lease=lease,
        ) as endpoint:
            yield endpoint.post

    bounds = settings.delivery
    return Deliveries(
        destinations,
        connection=Connection(
            app=settings.app,
            brokers=settings.kafka.brokers,
            journal=journal,
            session_timeout_seconds=bounds.session_timeout_seconds,
            commit_interval_seconds=bounds.commit_interval_seconds,
            drain_seconds=bounds.drain_seconds,
        ),
        reach=reached,
        telemetry=lambda destination: told[destination.incarnation],
        pause=pause,
        shared=Shared(max_in_flight=bounds.max_in_flight, max_pending_bytes=bounds.max_pending_bytes),
        now=time.monotonic,
        random=random.random,
        wall=time.time,
    )


async def _topics(settings: Settings, destinations: Sequence[Destination], *, reads_inputs: bool) -> int:
    """Wait for the broker and make our topics; return the number of partitions that all inputs, and ours, have."""
    brokers = settings.kafka.brokers
    await cluster.wait_for_broker(brokers)
    count = await partitions(settings, reads_inputs=reads_inputs)
    await cluster.ensure(
        brokers,
        needed(settings.app, destinations, count),
        replication_factor=settings.kafka.replication_factor,
        create=settings.topics.create,
    )
    for doubt in await doubts(settings) if reads_inputs else ():
        structlog.get_logger().warning("topics.warning", problem=doubt)
    return count
