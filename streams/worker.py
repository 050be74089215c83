"""One worker process: what it needs is made ready, then its stages and its health run until it is told to stop."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
import uvloop
from mode import Service
from mode import Worker as ModeWorker

from streams import logs, topics
from streams.app import ActivationStage, Seams, inputs_of
from streams.auth import ClientCredentialsTokens
from streams.bounds import Shared
from streams.deliveries import Deliveries
from streams.delivery import Connection
from streams.destinations import Destination
from streams.egress import Egress
from streams.endpoints import Endpoint
from streams.engine import check_versions, new_worker
from streams.exports import dead_letters_topic, exports_topic
from streams.health import Health
from streams.pulse import Pulse, Sample
from streams.retries import pause
from streams.settings import Settings, masked
from streams.telemetry import Telemetry
from streams.tools import Attempt

ACTIVATION, DELIVERY = "activation", "delivery"
STAGES = frozenset({ACTIVATION, DELIVERY})


class HealthService(Service):  # type: ignore[misc]  # mode is untyped
    """Health and pulse, as a service of the worker."""

    def __init__(self, health: Health, pulse: Pulse, **options: Any) -> None:
        super().__init__(**options)
        self._health, self._pulse = health, pulse

    async def on_start(self) -> None:
        """Listen and beat."""
        await self._health.start()
        await self._pulse.start()
        structlog.get_logger().info("health.listening", url=self._health.url)

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
    seams: Seams | None = None,
) -> int:
    """Run the worker until SIGTERM or SIGINT, or until it crashes; return the exit code, 0 or 1.

    *only* names the destinations to deliver; activation exports for all of them in any case.
    """
    check_versions()
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    logging = logs.configure(settings.log.level, settings.log.format, now=time.time)
    logs.announce(masked(settings))
    try:
        assembly = loop.run_until_complete(_assemble(settings, destinations, stages, only, seams or Seams(), logging))
        return _execute(assembly, loop)
    finally:
        logging.close()


def _execute(assembly: Assembly, loop: asyncio.AbstractEventLoop) -> int:
    services = [s for s in (assembly.health, assembly.activation, assembly.deliveries) if s is not None]
    options = {"loop": loop, "redirect_stdouts": False, "override_logging": False, "quiet": True}
    worker = (
        ModeWorker(*services, **options)
        if assembly.activation is None
        else new_worker(assembly.activation.engine, *services, **options)
    )
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


async def _assemble(
    settings: Settings,
    destinations: Sequence[Destination],
    stages: frozenset[str],
    only: frozenset[str] | None,
    seams: Seams,
    logging: logs.Logs,
) -> Assembly:
    partitions = await _topics(settings, destinations)
    telemetry = Telemetry(time.time, log=logging.canonical, log_delivered=settings.log.delivered)
    activation = (
        ActivationStage(settings, destinations, partitions, telemetry, seams) if ACTIVATION in stages else None
    )
    chosen = [d for d in destinations if only is None or d.name in only]
    deliveries = _deliveries(settings, chosen, telemetry) if DELIVERY in stages else None
    return Assembly(_health(settings, telemetry, activation, deliveries), activation, deliveries)
