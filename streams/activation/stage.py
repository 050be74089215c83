"""The graph of activation: which topic is read by what, and what follows from it is written where."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from mode import Service

from streams.activation.activate import Activation
from streams.activation.agents import Agents
from streams.activation.events import Input, Kind
from streams.activation.outbox import Outbox
from streams.activation.profiles import check_encoding
from streams.configuration.settings import Settings
from streams.destinations import Destination
from streams.engine import Engine, EngineSettings, Message
from streams.stopping import stopped
from streams.telemetry.pulse import Sample
from streams.telemetry.telemetry import Telemetry

BATCH_BYTES = 900_000
"""What a batch of many rows may hold, below Kafka's default of 1 MiB for a batch; a larger row goes alone."""


def inputs_of(settings: Settings) -> dict[str, Input]:
    """Return each input topic and what its records are meant to be."""
    named = settings.inputs
    memberships = (
        (named.qualifications, Kind.QUALIFICATION),
        (named.exits, Kind.EXIT),
        (named.memberships, Kind.MEMBERSHIP),
    )
    inputs = {topic: Input(kind, topic) for topic, kind in memberships if topic}
    return inputs | {source.topic: Input(Kind.FRAGMENT, source.name) for source in named.profiles}


def new_producer(settings: Settings) -> AIOKafkaProducer:
    """Return activation's one producer: idempotent, so that a retried batch is neither doubled nor overtaken."""
    return AIOKafkaProducer(
        bootstrap_servers=settings.kafka.bootstrap_servers,
        client_id=f"{settings.app}-activation",
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        linger_ms=0,
        request_timeout_ms=int(settings.activation.producer_timeout_seconds * 1000),
    )


@dataclass(frozen=True, slots=True)
class Seams:
    """Where a crash test reaches in: the producer that is used, and the named points that are passed."""

    new_producer: Callable[[Settings], Any] = new_producer
    passing: Callable[[str], None] = lambda _: None


class UnconfirmedError(Exception):
    """What was written is neither confirmed nor refused."""


class ActivationStage(Service):  # type: ignore[misc]  # mode is untyped
    """The engine with its agents, and the outbox that writes what they decide."""

    def __init__(
        self,
        settings: Settings,
        destinations: Sequence[Destination],
        partitions: int,
        telemetry: Telemetry,
        seams: Seams,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.engine = Engine(_engine_settings(settings, partitions))
        self._settings = settings
        self._producer = seams.new_producer(settings)
        inputs = inputs_of(settings)
        self._agents = Agents(
            app=settings.app,
            table=self.engine.table,
            destinations=destinations,
            activation=Activation(destinations, [i.source for i in inputs.values()], merge=settings.merge),
            telemetry=telemetry,
            acknowledge=self.engine.acknowledge,
            now=time.time,
            passing=seams.passing,
        )
        self._outbox: Outbox[Message] = Outbox(
            self._producer, self._agents.confirmed, linger_seconds=settings.activation.linger_seconds
        )
        for topic, source in inputs.items():
            self.engine.consume(topic, self._agents.reader(source, topic, self._outbox), room=self._room)
        self.engine.on_release(self._release)
        self.engine.on_assigned(self._assigned)
        self.partitions: set[int] = set()
        """The partitions that are assigned and recovered."""

    def _assigned(self, partitions: set[int]) -> None:
        self.partitions = partitions

    async def _room(self) -> None:
        if self._outbox.full:
            await self._outbox.room()

    def sample(self) -> Sample:
        """Return how activation stands, for the pulse: waiting for the broker, or recovering, is not being stuck."""
        waiting = "the broker" if self._outbox.waiting else None if self.engine.ready else "recovery"
        return Sample(self._outbox.settled, self.engine.queued, waiting)

    async def _release(self) -> None:
        """Confirm what is under way before the partitions go; what can't be confirmed in time ends the process.

        Its rows may still be on their way: a new owner must not find them appended behind its own.
        """
        try:
            await self._outbox.idle()
        except asyncio.CancelledError:
            self.engine.crash(UnconfirmedError("partitions go, and the broker has not confirmed what was written"))
            raise
        self._agents.forget()
        self.partitions = set()

    async def on_start(self) -> None:
        """Connect the producer; the agents start after it."""
        await self._producer.start()

    @Service.task  # type: ignore[untyped-decorator]
    async def _write(self) -> None:
        try:
            await self._outbox.run()
        except Exception as error:
            self.engine.crash(error)
            raise

    async def on_stop(self) -> None:
        """Disconnect the producer, after the agents have stopped."""
        await stopped(self._producer.stop())


def _engine_settings(settings: Settings, partitions: int) -> EngineSettings:
    activation = settings.activation
    return EngineSettings(
        id=settings.app,
        bootstrap_servers=settings.kafka.bootstrap_servers,
        partitions=partitions,
        store=settings.state.store,
        directory=settings.state.directory,
        session_timeout=activation.session_timeout_seconds,
        heartbeat_interval=activation.session_timeout_seconds / 7.5,
        commit_interval=activation.commit_interval_seconds,
        drain=activation.drain_seconds,
        producer_timeout=activation.producer_timeout_seconds,
        check_value=check_encoding,
    )
