"""The graph of activation: which topic is read by what, and what follows from it is written where."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from mode import Service

from streams.activation.activate import Activation
from streams.activation.agents import Agents
from streams.activation.asked import decode as asked_of
from streams.activation.cataloguing import Catalogue
from streams.activation.chores import Chores
from streams.activation.decoding import decoder
from streams.activation.engine_settings import engine_settings
from streams.activation.events import Input
from streams.activation.faults import Faults
from streams.activation.inquiring import Inquiry
from streams.activation.obeying import Commands
from streams.activation.outbox import Outbox
from streams.activation.partitioners import placed
from streams.activation.producing import Producing
from streams.activation.removals import Removals
from streams.configuration.meanings import inputs_of as inputs_of
from streams.configuration.settings import Settings
from streams.destinations import Destination
from streams.engine import Engine, Message
from streams.exports import exports_topic
from streams.groups.clock import suspended
from streams.groups.journal import Journal
from streams.groups.lease import Lease
from streams.groups.sockets import watch
from streams.profile_commands import commands_topic
from streams.telemetry.pulse import Sample
from streams.telemetry.telemetry import Telemetry
from streams.topics.plan import Compaction

BATCH_BYTES = 900_000
"""What a batch of many rows may hold, below Kafka's default of 1 MiB for a batch; a larger row goes alone."""


def new_producer(settings: Settings) -> AIOKafkaProducer:
    """Return activation's one producer: idempotent, so that a retried batch is neither doubled nor overtaken."""
    return settings.kafka.brokers.producer(
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


class ActivationStage(Service):  # type: ignore[misc]  # mode is untyped
    """The engine with its agents, and the outbox that writes what they decide."""

    def __init__(
        self,
        settings: Settings,
        destinations: Sequence[Destination],
        partitions: int,
        changelog: Compaction,
        telemetry: Telemetry,
        seams: Seams,
        journal: Journal,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lease = Lease(settings.activation.session_timeout_seconds, suspended)
        """How long the partitions are surely ours; without it nothing is written, and nothing committed."""
        self.engine = Engine(engine_settings(settings, partitions, changelog), journal, self.lease)
        self._settings, self._telemetry = settings, telemetry
        self._producing = Producing(lambda: seams.new_producer(settings), self.lease)
        inputs, commands = inputs_of(settings), commands_topic(settings.app)
        self._sources = [source.source for source in inputs.values()]
        removals = Removals(self.engine.committed, self.engine.ended, [*inputs, commands], self.engine.remakings)
        self.faults = Faults(suspended)
        """Which exports topics refuse what is written to them."""
        self._agents = self._new_agents(destinations, removals, seams)
        self._outbox: Outbox[Message] = Outbox(
            self._producing,
            lambda written: self._agents.confirmed(written, self._outbox),
            ahead=self.engine.table.changelog_topic,
            may_refuse=lambda topic: topic.startswith(exports_topic(settings.app, "")),
            refusing=self.faults,
            linger_seconds=settings.activation.linger_seconds,
        )
        self._commands = Commands(self._agents, telemetry.input(commands).ended, self._outbox, time.time)
        self._consume(inputs, partitions, removals)
        self._chores = Chores(
            self._agents.upkeep,
            self._agents.expiring,
            self._commands,
            self.faults,
            self._outbox,
            self._producing.refusal,
            lambda: self.engine.ready,
        )
        self.inquiry = self._new_inquiry()
        """Answers what is asked of the profiles."""
        self.engine.on_release(self._release)
        self.engine.on_assigned(self._assigned)
        self.partitions: set[int] = set()
        """The partitions that are assigned and recovered."""

    def _new_agents(self, destinations: Sequence[Destination], removals: Removals, seams: Seams) -> Agents:
        return Agents(
            app=self._settings.app,
            table=self.engine.table,
            **self._exported(destinations),
            telemetry=self._telemetry,
            acknowledge=self.engine.acknowledge,
            removals=removals,
            faults=self.faults,
            remakings=self.engine.remakings,
            now=time.time,
            passing=seams.passing,
        )

    def _new_inquiry(self) -> Inquiry:
        def ours() -> set[int]:
            return self.partitions if self.engine.ready else set()

        catalogue = Catalogue(self.engine.table, ours, time.time, time.monotonic)
        return Inquiry(self._agents, catalogue, ours, time.time)

    def _consume(self, inputs: Mapping[str, Input], partitions: int, removals: Removals) -> None:
        partitioner, commands = self._settings.partitioner, commands_topic(self._settings.app)
        for topic, source in inputs.items():
            decode = placed(decoder(source), partitioner, partitions)
            self.engine.consume(topic, self._agents.reader(decode, topic, self._outbox), room=self._room)
        asked = placed(asked_of, partitioner, partitions)
        self.engine.consume(commands, self._commands.reader(asked, removals.taken(commands)), room=self._room)

    def _exported(self, destinations: Sequence[Destination]) -> dict[str, Any]:
        exported = [destination for destination in destinations if not destination.is_draining]
        activation = Activation(exported, self._sources, merge=self._settings.merge)
        return {"destinations": exported, "activation": activation}

    def follow(self, destinations: Sequence[Destination], gone: Collection[str] = ()) -> None:
        """Export to *destinations* from the next record on; not to those that are draining, but to paused ones.

        What would go to those that policies forbid is owed to them, and exported once they are allowed.

        Raises ValueError, and changes nothing, if the attributes of one collide or a ``since`` of "now" is no time yet.
        *gone* are the incarnations that are deleted for good. What was rendered before may still be on its way:
        ``flushed`` tells.
        """
        draining = {destination.incarnation for destination in destinations if destination.is_draining}
        self._agents.follow(**self._exported(destinations), gone={*gone, *draining})
        self._commands.look_again()

    @property
    def faulted(self) -> dict[str, str]:
        """Why the exports topic of an incarnation refuses what is written to it, for each whose topic does."""
        incarnations = self._agents.followed.incarnations
        return {incarnations[topic]: why for topic, why in self.faults.reasons.items() if topic in incarnations}

    @property
    def exported(self) -> list[str]:
        """The incarnations that are exported to."""
        return list(self._agents.followed.exports)

    async def flushed(self) -> None:
        """Wait until all exports rendered so far are on their topics, or will never be written by this worker."""
        await self._outbox.flushed()

    def _assigned(self, partitions: set[int]) -> None:
        self.partitions = partitions
        self._agents.assigned(partitions)

    async def _room(self) -> None:
        if self._outbox.full:
            await self._outbox.room()

    def sample(self) -> Sample:
        """Return how activation stands, for the pulse: waiting for the broker, or recovering, is not being stuck."""
        waiting = "the broker" if self._outbox.waiting else None if self.engine.ready else "recovery"
        return Sample(self._outbox.settled, self.engine.queued, waiting)

    async def _release(self) -> None:
        """Confirm what is under way before the partitions go; what can't be confirmed in time is abandoned.

        It may have been written, or not: whoever is assigned the partitions next reads what was, and does the records
        again. It must not be written later, behind what the next owner writes.
        """
        try:
            await self._outbox.idle()
        except asyncio.CancelledError:
            structlog.get_logger().warning("activation.abandoned", why="the broker has not confirmed what was written")
            self._producing.abandon()
            self._outbox.abandon()
            raise
        finally:
            self._agents.forget()
            self._commands.forget()
            self.partitions = set()

    async def on_start(self) -> None:
        """Connect the producer; the agents start after it."""
        await self._producing.start()

    @Service.task  # type: ignore[untyped-decorator]
    async def _write(self) -> None:
        try:
            await self._outbox.run()
        except Exception as error:
            self.engine.crash(error)
            raise

    @Service.task  # type: ignore[untyped-decorator]
    async def _watch(self) -> None:
        await watch(self.lease, self._lapsed)

    def _lapsed(self) -> list[Any]:
        """Count a lapse of the lease, and return whose connections are reset by it."""
        self._telemetry.lease_lapsed("activation")
        return [self._producing.client]

    @Service.task  # type: ignore[untyped-decorator]
    async def _tidy(self) -> None:
        try:
            await self._chores.run()
        except Exception as error:
            self.engine.crash(error)
            raise

    async def on_stop(self) -> None:
        """Disconnect the producer, after the agents have stopped."""
        await self.inquiry.stop()
        await self._producing.stop()
