"""One destination's delivery: its exports topic, consumed by a group of its own and dispatched.

It polls without cease: where there is no room its partitions are paused, and it stays in its group. When partitions
are revoked it drains what was begun, then commits, then lets go. It has a beacon of its own and depends on nothing,
so its crash is its own; whoever made it stops it and makes a new one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from mode import Service

from streams.delivery.backlog import MAX_FETCH
from streams.delivery.dispatch import Dispatch
from streams.delivery.tools import Tools
from streams.exports import delivery_group, exports_topic
from streams.stopping import stopped

log = logging.getLogger(__name__)

ROOM_SECONDS = 0.25
"""How long to wait for room between two polls."""
POLL_MS = 500
"""How long a poll waits for records; then what changed meanwhile is looked at."""
METADATA_MAX_AGE_MS = 30_000
"""How soon it is noticed that the topic has more partitions."""
TOPIC_SECONDS = 2.0
"""How soon it is noticed that a missing topic is there."""
HEARTBEATS_PER_SESSION = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How deliveries of an app reach Kafka, and their times; *client* goes to each Kafka client as it is."""

    app: str
    bootstrap_servers: str | Sequence[str]
    session_timeout_seconds: float = 45.0
    commit_interval_seconds: float = 1.0
    drain_seconds: float = 3.0
    client: tuple[tuple[str, Any], ...] = ()


def new_consumer(connection: Connection, incarnation: str) -> AIOKafkaConsumer:
    """Return the consumer of a destination's group; its commits are entirely ours."""
    group = delivery_group(connection.app, incarnation)
    session_ms = int(connection.session_timeout_seconds * 1000)
    return AIOKafkaConsumer(
        bootstrap_servers=connection.bootstrap_servers,
        group_id=group,
        client_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=min(3_000, session_ms // HEARTBEATS_PER_SESSION),
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        **dict(connection.client),
    )


class Delivery(Service, ConsumerRebalanceListener):  # type: ignore[misc]  # both are untyped
    """Delivers one destination from ``start()`` to ``stop()``; an instance is started once."""

    def __init__(self, tools: Tools, connection: Connection, **options: Any) -> None:
        super().__init__(**options)
        self._tools, self._connection = tools, connection
        self._topic = exports_topic(connection.app, tools.destination.incarnation)
        self._consumer: AIOKafkaConsumer | None = None
        self._dispatch: Dispatch | None = None
        self._paused: set[TopicPartition] = set()
        self._releasing, self._committing = asyncio.Lock(), asyncio.Lock()
        self._defects: asyncio.Queue[BaseException] = asyncio.Queue()
        self.over = asyncio.Event()
        """Set when the service has crashed: it delivers no more and is to be stopped."""
        self.settled = asyncio.Event()
        """Set at the first assignment, be it of no partition, or when the topic turns out to be missing."""
        self.polled_at: float | None = None
        """When the last poll returned, by the clock of the tools; None while no partitions are assigned."""

    @property
    def label(self) -> str:
        """What mode's own log lines call this service."""
        return f"Delivery: {self._tools.destination.name}"

    @property
    def pending(self) -> int:
        """How many exports are fetched and have not ended."""
        return self._dispatch.backlog.pending if self._dispatch else 0

    @property
    def in_flight(self) -> int:
        """How many exports are being served."""
        return self._dispatch.in_flight if self._dispatch else 0

    @property
    def oldest_timestamp_ms(self) -> int | None:
        """The record timestamp of the oldest export that is fetched and has not ended."""
        return self._dispatch.backlog.oldest_timestamp if self._dispatch else None

    @property
    def partitions(self) -> set[int]:
        """The partitions that are assigned."""
        return {tp.partition for tp in self._dispatch.backlog.windows} if self._dispatch else set()

    async def on_start(self) -> None:
        """Connect; raises KafkaError if the broker cannot be reached. The group is joined afterwards, see `settled`."""
        self._consumer = new_consumer(self._connection, self._tools.destination.incarnation)
        self._tools.telemetry.observe(
            pending=lambda: self.pending,
            in_flight=lambda: self.in_flight,
            oldest_timestamp_ms=lambda: self.oldest_timestamp_ms,
        )
        await self._consumer.start()

    async def crash(self, reason: BaseException) -> None:
        """End by a failure of our own or of Kafka's; it reaches no other service."""
        await super().crash(reason)
        self.over.set()

    async def on_stop(self) -> None:
        """Drain, commit, leave the group; bounded, whatever the endpoint and the broker do."""
        if self._consumer is None:
            return
        await self._release()
        await stopped(self._consumer.stop())

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Begin with an empty dispatch: nothing of an earlier assignment is left."""
        self._paused = set()
        self._dispatch = Dispatch(self._tools, assigned, defect=self._defects.put_nowait)
        self.settled.set()

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Let go of everything, since all partitions are revoked at once; they are still ours until this returns."""
        await self._release()
        self.polled_at = None

    @Service.task  # type: ignore[untyped-decorator]
    async def _fetch(self) -> None:
        """Poll until stopped. A KafkaError, such as a lost permission, crashes the service: the reason is not ours."""
        await self._subscribe()
        while not self.should_stop:
            try:
                batches = await self._poll()
            except ConsumerStoppedError:
                return  # we stopped it
            self.polled_at = self._tools.now()
            self._accept(batches)

    async def _subscribe(self) -> None:
        """Join the group as soon as the topic is there; subscribing to a missing one would only fill the log."""
        consumer, telemetry = cast("AIOKafkaConsumer", self._consumer), self._tools.telemetry
        while self._topic not in await consumer.topics():
            telemetry.state("faulted", "topic-missing")
            self.settled.set()
            await asyncio.sleep(TOPIC_SECONDS)
        consumer.subscribe([self._topic], listener=self)
        telemetry.state("activated", "")

    @Service.task  # type: ignore[untyped-decorator]
    async def _commit_regularly(self) -> None:
        while not self.should_stop:
            await self.sleep(self._connection.commit_interval_seconds)
            if self._dispatch is not None:
                await self._commit(self._dispatch)

    @Service.task  # type: ignore[untyped-decorator]
    async def _crash_on_defect(self) -> None:
        raise await self._defects.get()

    def _accept(self, batches: dict[TopicPartition, list[Any]]) -> None:
        """Dispatch what was fetched; it belongs to the assignment of this moment, not to the one before the poll."""
        dispatch = self._dispatch
        for partition, records in batches.items():
            if dispatch is not None and dispatch.accept(partition, records):
                continue
            with suppress(KafkaError):  # not accepted, so it has to be fetched again; unless it is ours no more
                cast("AIOKafkaConsumer", self._consumer).seek(partition, records[0].offset)
        if dispatch is not None:
            self._tools.progress.blocked(self._tools.now(), is_blocked=dispatch.blocked)

    async def _poll(self) -> dict[TopicPartition, list[Any]]:
        assert self._consumer is not None
        dispatch = self._dispatch
        if dispatch is None:
            # It returns once partitions are assigned, and then with records: these are bounded too.
            most = min(MAX_FETCH, self._tools.destination.delivery.max_pending)
            return await self._consumer.getmany(timeout_ms=POLL_MS, max_records=most)  # type: ignore[no-any-return]
        backlog = dispatch.backlog
        if backlog.full:
            await backlog.room(ROOM_SECONDS)
        full = backlog.full
        if dispatch is self._dispatch:
            self._pause(set(backlog.windows) if full else backlog.ahead)
        return await self._consumer.getmany(  # type: ignore[no-any-return]
            timeout_ms=0 if full else POLL_MS, max_records=backlog.next_fetch
        )

    def _pause(self, wanted: set[TopicPartition]) -> None:
        """Fetch all assigned partitions but *wanted*; a pause drops what is prefetched, so it comes after a wait."""
        if wanted == self._paused or self._consumer is None:
            return
        assigned = self._consumer.assignment()
        self._consumer.pause(*(wanted & assigned) - self._paused)
        self._consumer.resume(*(self._paused & assigned) - wanted)
        self._paused = wanted

    async def _release(self) -> None:
        """Drain, stop posting, commit what has ended, and hand the rest over."""
        async with self._releasing:
            dispatch = self._dispatch
            if dispatch is None:
                return
            try:
                await dispatch.drain(self._connection.drain_seconds)
            finally:
                await dispatch.release()
                await self._commit(dispatch)
                self._dispatch = None

    async def _commit(self, dispatch: Dispatch) -> None:
        """Commit what is due. A refusal or a broker away loses nothing: it is due again at the next commit."""
        async with self._committing:
            windows = dispatch.backlog.windows
            due = {tp: offset for tp, window in windows.items() if (offset := window.due) is not None}
            if not due or self._consumer is None:
                return
            try:
                await asyncio.wait_for(self._consumer.commit(due), self._connection.drain_seconds)
            except (KafkaError, TimeoutError) as error:
                log.warning("%s: a commit was refused: %s", self._tools.destination.name, type(error).__name__)
                return
            for tp, offset in due.items():
                windows[tp].committed(offset)
