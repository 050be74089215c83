"""One worker process: what it needs is made ready, then its stages and its health run until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import structlog
import uvloop
from faust import Worker as FaustWorker
from mode import Service
from mode import Worker as ModeWorker

from streams.activation.stage import ActivationStage, Seams, inputs_of
from streams.configuration.settings import Settings, masked
from streams.delivery.bounds import Shared
from streams.delivery.deliveries import Deliveries
from streams.delivery.retries import pause
from streams.delivery.service import Connection
from streams.delivery.tools import Attempt
from streams.destinations import Destination
from streams.endpoints.egress import Egress
from streams.endpoints.endpoint import reach
from streams.engine import UnknownVersion, check_versions
from streams.preconditions import RefusedError, listenable, writable
from streams.telemetry import logs
from streams.telemetry.health import Health
from streams.telemetry.pulse import Pulse, Sample
from streams.telemetry.telemetry import Telemetry
from streams.topics import cluster
from streams.topics.plan import TopicError
from streams.topics.provision import needed

ACTIVATION, DELIVERY = "activation", "delivery"
STAGES = frozenset({ACTIVATION, DELIVERY})

REFUSED = 2
"""The exit code of a worker that does not start since what it is given is wrong."""

YOUNG_OBJECTS, YOUNG_ROUNDS, MIDDLE_ROUNDS = 50_000, 20, 100
"""When the garbage collector looks. A round has some ten thousand objects, which live until the broker confirms it and
are rarely in a cycle; to look at them after every 700 new ones, as Python does, is a fifth of the worker's CPU."""

LATE_POLL_SECONDS = 30.0
"""A delivery comes back from its poll every second; one that is so late hangs."""


READY_LOOK_SECONDS = 0.2


class HealthService(Service):  # type: ignore[misc]  # mode is untyped
    """Health and pulse, as a service of the worker."""

    def __init__(self, health: Health, pulse: Pulse, ready: Callable[[], bool], **options: Any) -> None:
        super().__init__(**options)
        self._health, self._pulse, self._ready = health, pulse, ready

    async def on_start(self) -> None:
        """Listen and beat."""
        await self._health.start()
        await self._pulse.start()

    @Service.task  # type: ignore[untyped-decorator]
    async def _tell_ready(self) -> None:
        while not self._ready():
            await self.sleep(READY_LOOK_SECONDS)
            if self.should_stop:  # from then on a sleep returns at once
                return
        structlog.get_logger().info("worker.ready", health=self._health.url)

    async def on_stop(self) -> None:
        """Stop beating and listening."""
        await self._pulse.stop()
        await self._health.stop()


@dataclass(frozen=True, slots=True)
class Assembly:
    """The services of a worker, in the order in which they start."""

    health: HealthService
    activation: ActivationStage | None
    deliveries: Deliveries | None


def run(
    settings: Settings,
    destinations: Sequence[Destination],
    *,
    stages: frozenset[str] = STAGES,
    only: frozenset[str] | None = None,
    environ: Mapping[str, str] = MappingProxyType({}),
    seams: Seams | None = None,
) -> int:
    """Run the worker until SIGTERM or SIGINT, or until it crashes; return the exit code.

    0 = stopped as told, 1 = crashed, 2 = did not start: a topic is missing or wrong, the state directory or the port
    cannot be had, or Faust is one it does not know.

    *only* names the destinations to deliver; activation exports for all of them in any case. *environ* is asked for
    ``NO_COLOR``.
    """
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    logging = logs.configure(settings.log.level, settings.log.format, now=time.time, environ=environ)
    for secret in (secret for destination in destinations for secret in destination.secrets):
        logging.masks.hide(secret)
    try:
        check_versions()
        logs.announce(masked(settings))
        assembly = loop.run_until_complete(_assemble(settings, destinations, stages, only, seams or Seams(), logging))
        _collect_rarely()
        code = _execute(assembly, loop)
        structlog.get_logger().info("worker.stopped", code=code)
        return code
    except (RefusedError, TopicError, UnknownVersion) as error:
        structlog.get_logger().error("worker.refused", problems=str(error).splitlines())
        return REFUSED
    finally:
        logging.close()


def _collect_rarely() -> None:
    """Leave alone what stays for good, and look at the rest in large steps."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, YOUNG_ROUNDS, MIDDLE_ROUNDS)


def _execute(assembly: Assembly, loop: asyncio.AbstractEventLoop) -> int:
    try:
        _supervisor(assembly, loop).execute_from_commandline()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _supervisor(assembly: Assembly, loop: asyncio.AbstractEventLoop) -> ModeWorker:
    """Return what starts the services in order, stops them on a signal and ends with an exit code."""
    services = [s for s in (assembly.health, assembly.activation, assembly.deliveries) if s is not None]
    options = {"loop": loop, "redirect_stdouts": False, "override_logging": False, "quiet": True}
    if assembly.activation is None:
        return ModeWorker(*services, **options)
    worker = FaustWorker(assembly.activation.engine.app, *services, **options)
    worker.spinner = None  # it draws on the stream of the log
    return worker


async def _assemble(
    settings: Settings,
    destinations: Sequence[Destination],
    stages: frozenset[str],
    only: frozenset[str] | None,
    seams: Seams,
    logging: logs.Logs,
) -> Assembly:
    listenable(settings.http.host, settings.http.port)
    if ACTIVATION in stages and settings.state.store == "rocksdb":
        writable(settings.state.directory)
    partitions = await _topics(settings, destinations)
    telemetry = Telemetry(time.time, log=logging.canonical, log_delivered=settings.log.delivered)
    activation = ActivationStage(settings, destinations, partitions, telemetry, seams) if ACTIVATION in stages else None
    chosen = [d for d in destinations if only is None or d.name in only]
    deliveries = _deliveries(settings, chosen, telemetry) if DELIVERY in stages else None
    return Assembly(_health(settings, telemetry, activation, deliveries), activation, deliveries)


def _deliveries(settings: Settings, destinations: Sequence[Destination], telemetry: Telemetry) -> Deliveries:
    told = {destination.incarnation: telemetry.delivery(destination) for destination in destinations}
    egress = Egress(settings.egress.allow)

    @asynccontextmanager
    async def reached(destination: Destination) -> AsyncIterator[Attempt]:
        token_fetched = told[destination.incarnation].token_fetched
        async with reach(
            destination, egress, now=time.time, monotonic=time.monotonic, token_fetched=token_fetched
        ) as endpoint:
            yield endpoint.post

    bounds = settings.delivery
    return Deliveries(
        destinations,
        connection=Connection(
            app=settings.app,
            bootstrap_servers=settings.kafka.bootstrap_servers,
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
    )


def _health(
    settings: Settings, telemetry: Telemetry, activation: ActivationStage | None, deliveries: Deliveries | None
) -> HealthService:
    pulse = Pulse(time.monotonic)
    if activation is not None:
        pulse.watch(ACTIVATION, activation.sample)
    if deliveries is not None:
        pulse.watch(DELIVERY, lambda: Sample(0, int(deliveries.oldest_poll_seconds() > LATE_POLL_SECONDS)))

    def ready() -> tuple[bool, str]:
        missing = [
            *(["activation has not joined and recovered"] if activation and not activation.engine.ready else []),
            *(["a delivery has not joined its group"] if deliveries and not deliveries.ready else []),
        ]
        return not missing, "; ".join(missing) or "joined and recovered"

    telemetry.observe(
        ready=lambda: ready()[0],
        loop_lag=pulse.loop_lag,
        partitions={
            ACTIVATION: lambda: len(activation.partitions) if activation else 0,
            DELIVERY: lambda: sum(len(each.partitions) for each in deliveries.live) if deliveries else 0,
        },
    )
    http = settings.http
    health = Health(http.host, http.port, live=pulse.live, ready=ready, registry=telemetry.registry)
    return HealthService(health, pulse, lambda: ready()[0])


async def _topics(settings: Settings, destinations: Sequence[Destination]) -> int:
    """Wait for the broker and make our topics; return the number of partitions that all inputs, and ours, have."""
    servers = settings.kafka.bootstrap_servers
    await cluster.wait_for_broker(servers)
    partitions = await cluster.partitions_of(servers, inputs_of(settings), settings.inputs.partitions)
    await cluster.ensure(
        servers,
        needed(settings.app, destinations, partitions),
        replication_factor=settings.kafka.replication_factor,
        create=settings.topics.create,
    )
    return partitions
