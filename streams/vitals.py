"""A worker's signs of life: health, pulse and the gauges that tell of both, as one service."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from mode import Service
from msgspec import to_builtins

from streams.activation.stage import ActivationStage
from streams.configuration.settings import Settings
from streams.configuration.urls import reached
from streams.status.overview import ACTIVATION as ACTIVATION
from streams.status.overview import DELIVERY as DELIVERY
from streams.status.snapshot import Stages
from streams.telemetry.guarded import Guarded
from streams.telemetry.health import Health
from streams.telemetry.pulse import Pulse, Sample
from streams.telemetry.telemetry import Telemetry

LATE_POLL_SECONDS = 30.0
"""A delivery comes back from its poll every second; one that is so late hangs."""

READY_LOOK_SECONDS = 0.2


class HealthService(Service):  # type: ignore[misc]  # mode is untyped
    """Health and pulse, as a service of the worker."""

    def __init__(
        self, health: Health, pulse: Pulse, ready: Callable[[], bool], advertise: str | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self._health, self._pulse, self._ready, self._advertise = health, pulse, ready, advertise

    @property
    def url(self) -> str:
        """Where others reach health, metrics and data, once it has started."""
        return reached(self._advertise, self._health.url)

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


def vitals(settings: Settings, telemetry: Telemetry, stages: Stages) -> HealthService:
    """Return the health service of a worker that runs *stages*."""
    activation, deliveries = stages.activation, stages.deliveries
    pulse = Pulse(time.monotonic)
    if activation is not None:
        pulse.watch(ACTIVATION, activation.sample)
        _observe_activation(activation, telemetry)
    if deliveries is not None:
        pulse.watch(DELIVERY, lambda: Sample(0, int(deliveries.oldest_poll_seconds() > LATE_POLL_SECONDS)))

    def ready() -> tuple[bool, str]:
        missing = [stage.missing for stage in stages.standing().values() if not stage.ready]
        return not missing, "; ".join(missing) or "joined and recovered"

    telemetry.observe(
        ready=lambda: stages.ready,
        loop_lag=pulse.loop_lag,
        partitions={
            ACTIVATION: lambda: stages.assigned(ACTIVATION),
            DELIVERY: lambda: stages.assigned(DELIVERY),
        },
        gaps=lambda: [(gap.stage, gap.topic, gap.partition) for gap in stages.gaps()],
    )
    http = settings.http
    health = Health(
        http.host,
        http.port,
        live=pulse.live,
        ready=ready,
        registry=telemetry.registry,
        guarded=None if activation is None else Guarded(http.token, activation.inquiry.answers),
        details=lambda: {"stages": to_builtins(stages.standing(), str_keys=True)},
    )
    return HealthService(health, pulse, lambda: stages.ready, http.advertise)


def _observe_activation(activation: ActivationStage, telemetry: Telemetry) -> None:
    engine = activation.engine
    telemetry.observe_activation(
        remaining=lambda: engine.recovery.remaining if engine.recovery else 0,
        loaded=lambda: engine.recovery.loaded if engine.recovery else 0,
        first_start=lambda: sum(engine.gate.values()),
        set_aside=lambda: engine.set_aside,
        refusing=lambda: {each.rpartition(".")[0]: why for each, why in activation.faulted.items()},
    )
