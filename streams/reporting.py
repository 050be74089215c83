"""How a worker reports of itself: the publisher of its status, and the look at what waits unfetched."""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Iterator
from typing import NamedTuple

from streams.configuration.settings import Settings
from streams.exports import delivery_group, exports_topic
from streams.status.overview import ACTIVATION, DELIVERY
from streams.status.publisher import Producer, Publisher
from streams.status.reader import abandoned
from streams.status.snapshot import Identity, Snapshot, Stages
from streams.status.unfetched import Queue, Unfetched
from streams.telemetry.telemetry import Telemetry
from streams.topics.plan import status as status_topic
from streams.vitals import HealthService

INTERVAL_SECONDS = 5.0
"""How often a worker reports although nothing has changed."""


class Reporting(NamedTuple):
    """The services that report; *unfetched* is None where nothing is delivered."""

    publisher: Publisher
    unfetched: Unfetched | None


def reporting(
    settings: Settings, identity: Identity, telemetry: Telemetry, stages: Stages, health: HealthService
) -> Reporting:
    """Return what reports of a worker that runs *stages*."""
    topic = status_topic(settings.app).name
    brokers = settings.kafka.brokers

    async def gone() -> list[bytes]:
        now_ms = int(time.time() * 1000)
        return await abandoned(brokers, topic, me=identity.id, host=identity.host, health=health.url, now_ms=now_ms)

    publisher = Publisher(
        topic,
        Snapshot(identity, stages, telemetry, lambda: health.url, time.time),
        lambda: _new_producer(settings),
        abandoned=gone,
        interval_seconds=INTERVAL_SECONDS,
        now=time.monotonic,
    )
    return Reporting(publisher, _unfetched(settings, telemetry, stages) if stages.deliveries else None)


def identity_of(settings: Settings, stages: frozenset[str]) -> Identity:
    """Return who this worker is, which runs *stages*."""
    sessions = {
        ACTIVATION: settings.activation.session_timeout_seconds,
        DELIVERY: settings.delivery.session_timeout_seconds,
    }
    host, pid = socket.gethostname().replace("/", "-"), os.getpid()
    return Identity(
        id=f"{host}-{pid}-{random.getrandbits(32):08x}",
        host=host,
        pid=pid,
        started_at=int(time.time() * 1000),
        interval_seconds=INTERVAL_SECONDS,
        session_timeout_seconds=min(sessions[stage] for stage in stages),
    )


def _new_producer(settings: Settings) -> Producer:
    """Return a small producer: a report that is lost is written anew a few seconds later."""
    producer: Producer = settings.kafka.brokers.producer(
        client_id=f"{settings.app}-status",
        acks=1,
        request_timeout_ms=5_000,
    )
    return producer


def _unfetched(settings: Settings, telemetry: Telemetry, stages: Stages) -> Unfetched:
    service, app = Unfetched(settings.kafka.brokers, lambda: queues(settings.app, stages)), settings.app
    telemetry.observe_unfetched(lambda destination: service.oldest(exports_topic(app, destination.incarnation)))
    return service


def queues(app: str, stages: Stages) -> Iterator[Queue]:
    """Yield the queues whose age the deliveries do not know: of those that hold nothing, or have not begun."""
    live, gaps = stages.live(), {gap.topic for gap in stages.gaps()}
    for destination in stages.destinations:
        topic, group = exports_topic(app, destination.incarnation), delivery_group(app, destination.incarnation)
        delivery = live.get(destination.incarnation)
        if delivery is None or not delivery.begun:
            yield Queue(topic, group, None)
        elif not delivery.pending or topic in gaps:
            yield Queue(topic, group, frozenset(delivery.partitions))
