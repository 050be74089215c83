"""One destination's delivery: its exports topic, consumed by a group of its own and dispatched.

It polls without cease: where there is no room its partitions are paused, and it stays in its group. When partitions
are revoked it drains what was begun, then commits, then lets go. It has a beacon of its own and depends on nothing,
so its crash is its own; whoever made it stops it and makes a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, OffsetOutOfRangeError
from mode import Service

from streams.delivery.backlog import MAX_FETCH
from streams.delivery.member import Batches, Connection, Member
from streams.delivery.states import Trouble
from streams.delivery.tenure import Tenure
from streams.delivery.tools import Tools
from streams.groups.gaps import Gap, Partition

ROOM_SECONDS = 0.25
"""How long to wait for room between two polls."""
POLL_MS = 500
"""How long a poll waits for records; then what changed meanwhile is looked at."""
TOPIC_SECONDS = 2.0
"""How soon it is noticed that a missing topic is there."""


class Delivery(Service, ConsumerRebalanceListener):  # type: ignore[misc]  # both are untyped
    """Delivers one destination from ``start()`` to ``stop()``; an instance is started once."""

    def __init__(self, tools: Tools, connection: Connection, **options: Any) -> None:
        super().__init__(**options)
        self._tools, self._connection, self.destination = tools, connection, tools.destination
        self._member = Member(connection, self.destination.incarnation, tools.lease)
        self._defects: asyncio.Queue[BaseException] = asyncio.Queue()
        self._tenure = Tenure(tools, self._member, connection, defect=self._defects.put_nowait)
        self.over = asyncio.Event()
        """Set when the service has crashed: it delivers no more and is to be stopped."""
        self.settled = self._tenure.settled
        """Set when it is known where the first assigned partitions go on, be it none, or that the topic is missing."""
        self.polled_at: float | None = None
        """When the last poll returned, by the clock of the tools; None while no partitions are assigned."""

    @property
    def label(self) -> str:
        """What mode's own log lines call this service."""
        return f"Delivery: {self._tools.destination.name}"

    @property
    def pending(self) -> int:
        """How many exports are fetched and have not ended."""
        return self._tenure.dispatch.backlog.pending if self._tenure.dispatch else 0

    @property
    def in_flight(self) -> int:
        """How many exports are being served."""
        return self._tenure.dispatch.in_flight if self._tenure.dispatch else 0

    @property
    def oldest_timestamp_ms(self) -> int | None:
        """The record timestamp of the oldest export that is fetched and has not ended."""
        return self._tenure.dispatch.backlog.oldest_timestamp if self._tenure.dispatch else None

    @property
    def partitions(self) -> set[int]:
        """The partitions that are assigned."""
        return self._tenure.partitions

    @property
    def begun(self) -> bool:
        """Whether it is known which partitions are assigned, and where they go on unless the destination is held."""
        return self._tenure.is_begun

    @property
    def gaps(self) -> Mapping[Partition, Gap]:
        """The partitions that stand still until an operator accepts what is missing."""
        return self._tenure.standing.gaps

    async def on_start(self) -> None:
        """Connect; raises KafkaError if the broker cannot be reached. The group is joined afterwards, see `settled`."""
        self._tools.telemetry.observe(
            pending=lambda: self.pending,
            in_flight=lambda: self.in_flight,
            oldest_timestamp_ms=lambda: self.oldest_timestamp_ms,
        )
        await self._member.start()

    async def crash(self, reason: BaseException) -> None:
        """End by a failure of our own or of Kafka's; it reaches no other service."""
        await super().crash(reason)
        self.over.set()

    async def follow(self, tools: Tools) -> None:
        """Deliver by *tools* from now on, with the same partitions; returns when nothing is under way by others."""
        self._tools, self.destination = tools, tools.destination
        await self._tenure.follow(tools)

    async def on_stop(self) -> None:
        """Drain, commit, leave the group; bounded, whatever the endpoint and the broker do."""
        await self._tenure.release()
        await self._member.stop()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Begin to find out where they go on, apart from here: while this runs, the group hears no heartbeat."""
        self.polled_at = self._tools.now()
        self._tenure.begin(assigned)

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Let go of everything, since all partitions are revoked at once; they are still ours until this returns."""
        await self._tenure.release()
        self.polled_at = None

    @Service.task  # type: ignore[untyped-decorator]
    async def _fetch(self) -> None:
        """Poll until stopped. A KafkaError, such as a lost permission, crashes the service: the reason is not ours."""
        await self._subscribe()
        while not self.should_stop:
            dispatch = self._tenure.dispatch
            try:
                batches = await self._poll()
            except ConsumerStoppedError:
                return  # we stopped it
            except OffsetOutOfRangeError as error:
                self._tenure.found_late(error.args[0])
                continue
            if self.polled_at is not None:
                self.polled_at = self._tools.now()
            self._accept(batches)
            if dispatch is not None:
                dispatch.polled(len(batches))

    async def _subscribe(self) -> None:
        """Join the group as soon as the topic is there; subscribing to a missing one would only fill the log."""
        while not await self._member.sees_topic():
            self._tools.state.faulted(Trouble.TOPIC, "topic-missing")
            self.settled.set()
            await asyncio.sleep(TOPIC_SECONDS)
        self._member.join(self)

    @Service.task  # type: ignore[untyped-decorator]
    async def _commit_regularly(self) -> None:
        while not self.should_stop:
            await self.sleep(self._connection.commit_interval_seconds)
            await self._tenure.commit()

    @Service.task  # type: ignore[untyped-decorator]
    async def _go_on_when_answered(self) -> None:
        """Let partitions go on when an operator has accepted their gaps."""
        journal, revision = self._connection.journal, -1
        while journal is not None and not self.should_stop:
            revision = await journal.changed(revision)
            await self._tenure.answer()

    @Service.task  # type: ignore[untyped-decorator]
    async def _crash_on_defect(self) -> None:
        raise await self._defects.get()

    def _accept(self, batches: Batches) -> None:
        """Dispatch what was fetched; it belongs to the assignment of this moment, not to the one before the poll."""
        dispatch = self._tenure.dispatch
        if dispatch is None:
            return  # whoever begins with the partitions next seeks them
        for partition, records in batches.items():
            if dispatch.accept(partition, records):
                continue
            with suppress(KafkaError):  # not accepted, so it has to be fetched again; unless it is ours no more
                self._member.seek((partition.topic, partition.partition), records[0].offset)

    async def _poll(self) -> Batches:
        dispatch = self._tenure.dispatch
        if dispatch is None:
            # It returns once partitions are assigned, and perhaps with records: these are bounded too.
            return await self._member.poll(POLL_MS, min(MAX_FETCH, self.destination.delivery.max_pending))
        backlog = dispatch.backlog
        if dispatch.full:
            await backlog.room(ROOM_SECONDS)
        full = dispatch.full
        if dispatch is self._tenure.dispatch:
            self._member.fetch_all_but(backlog.windows if full else backlog.ahead | self._tenure.standing.held)
        return await self._member.poll(0 if full else POLL_MS, backlog.next_fetch)
