"""What the delivery stage of a worker is put together from."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager

from streams.configuration.settings import Settings
from streams.delivery.bounds import Shared
from streams.delivery.deliveries import Deliveries
from streams.delivery.member import Connection
from streams.delivery.pruning import Owned, Pruning
from streams.delivery.retries import pause
from streams.delivery.tools import Attempt
from streams.destinations import Destination
from streams.endpoints.egress import Egress
from streams.endpoints.endpoint import reach
from streams.exports import delivery_group, exports_topic
from streams.groups.journal import Journal
from streams.telemetry.telemetry import Telemetry


def deliveries(
    settings: Settings, destinations: Sequence[Destination], telemetry: Telemetry, journal: Journal
) -> Deliveries:
    """Return what delivers *destinations*, and those that it is told later."""
    egress = Egress(settings.egress.allow)

    @asynccontextmanager
    async def reached(
        destination: Destination, lease: Callable[[], float], admitted: Callable[[], Awaitable[None]]
    ) -> AsyncIterator[Attempt]:
        told = telemetry.delivery(destination)
        async with reach(
            destination,
            egress,
            now=time.time,
            monotonic=time.monotonic,
            token_fetched=told.token_fetched,
            resent=told.resent,
            retry_after_ignored=told.retry_after_ignored,
            lease=lease,
            admitted=admitted,
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
        telemetry=telemetry.delivery,
        pause=pause,
        shared=Shared(max_in_flight=bounds.max_in_flight, max_pending_bytes=bounds.max_pending_bytes),
        now=time.monotonic,
        random=random.random,
        wall=time.time,
        documents=journal.caught_up,
        forgotten=telemetry.forget_delivery,
    )


def pruning(settings: Settings, delivered: Deliveries) -> Pruning | None:
    """Return what deletes exports that have ended; None where they are kept for ever."""
    app, keep_seconds = settings.app, settings.delivery.keep_seconds
    if keep_seconds < 0:
        return None

    def owned() -> Iterator[Owned]:
        for delivery in delivered.live:
            name = delivery.destination.incarnation
            yield Owned(exports_topic(app, name), delivery_group(app, name), frozenset(delivery.partitions))

    return Pruning(settings.kafka.brokers, owned, keep_seconds, wall=time.time)
