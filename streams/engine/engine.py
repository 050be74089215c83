"""The one interface to Faust: agents in, acknowledgements back, a table, and a release before partitions go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

from streams.engine.app import App, ProfileTable
from streams.engine.consumer import Consumer
from streams.engine.inlet import Inlet
from streams.engine.message import Message
from streams.engine.progress import RecoveryProgress
from streams.engine.settings import EngineSettings
from streams.engine.store import Table
from streams.engine.versions import check_versions
from streams.groups.gaps import Gap, Partition
from streams.groups.journal import Journal
from streams.groups.lease import Lease

TURN = 64
"""Records an agent handles before it lets others run."""

Handle = Callable[[Message], None]
Room = Callable[[], Awaitable[None]]


class Engine:
    """A Faust app that loses nothing; run it with ``faust.Worker(engine.app, ...)``. Made once per process.

    The topics must exist: the inputs and ``table.changelog_topic``, all with ``settings.partitions`` partitions.
    """

    def __init__(self, settings: EngineSettings, journal: Journal | None = None, lease: Lease | None = None) -> None:
        """With a *journal*, which must be started first, offsets never reset by themselves. *lease* is kept up.

        Without a journal every input begins at its earliest record, and ``settings.first`` means nothing.
        """
        check_versions()
        self._settings = settings
        self.app = App(settings, journal, lease)
        self._faust_table = ProfileTable(
            self.app, name="profiles", key_type=bytes, value_type=bytes, partitions=settings.partitions
        )
        self.app.tables.add(self._faust_table)
        self.table = Table(self._faust_table.changelog_topic_name, self._faust_table.data.states)
        self._crashing: asyncio.Future[None] | None = None
        self._journal, self._remakings = journal, dict[Partition, int]()
        self._known_revision = 0

    # Agents.

    def consume(self, topic: str, handle: Handle, *, room: Room | None = None) -> None:
        """Register the agent of *topic*, before the start.

        *handle* is called once for each record of the current assignment, in offset order per partition, and never for
        one of an assignment that is over. What it raises ends the worker. *room* is awaited after each record.
        """
        channel = self.app.topic(topic, key_type=bytes, value_type=bytes, partitions=self._settings.partitions)

        async def agent(stream: Any) -> None:
            await self._read(topic, stream.channel.queue, handle, room)

        self.app.inputs.add(topic)
        self.app.agent(channel, name=f"{self._settings.id}.{topic}")(agent)

    async def _read(self, topic: str, queue: Any, handle: Handle, room: Room | None) -> None:
        inlet = self.app.inlets[topic] = Inlet(queue, self._settings.buffer, self._settings.max_poll_records)
        consumer: Consumer = self.app.consumer
        items, handled = inlet.items, 0
        try:
            while True:
                if items:
                    message = items.popleft()
                else:
                    consumer.wake()
                    message = await queue.get()
                if message.assignment == consumer.assignment_count:
                    handle(message)
                    if room is not None:
                        await room()
                handled += 1
                if not handled % TURN:
                    consumer.wake()
                    await asyncio.sleep(0)
        except StopAsyncIteration:  # Faust throws it into the queue to stop the agent
            return
        except Exception as error:
            self.crash(error)

    # Offsets.

    def acknowledge(self, message: Message) -> None:
        """Let the offset be committed once everything below it is acknowledged; ignored when the assignment is over."""
        self.app.consumer.acknowledge(message)

    async def commit(self) -> bool:
        """Commit what may be committed, now; False if the broker refused because the partitions are no longer ours."""
        return bool(await self.app.consumer.commit())

    def committed(self, topic: str, partition: int) -> int | None:
        """Return the offset that is committed; None while it is unknown, or the partition is not ours."""
        consumer: Consumer | None = self.app._consumer
        return None if consumer is None else consumer.commits.confirmed((topic, partition))

    def ended(self, topic: str, partition: int) -> int | None:
        """Return where a partition ended when it was assigned; None while it is unknown, or the partition not ours."""
        return self.app.standing.ends.get((topic, partition)) if self.app.standing else None

    def remakings(self, topic: str, partition: int) -> int:
        """Return how often a partition's offsets have begun again: the same offset means another record each time."""
        if self._journal is None:
            return 0
        if self._journal.revision != self._known_revision:
            self._known_revision = self._journal.revision
            self._remakings.clear()
        known = self._remakings.get((topic, partition))
        if known is None:
            known = self._journal.remakings(self._settings.id, (topic, partition))
            self._remakings[topic, partition] = known
        return known

    @property
    def gaps(self) -> Mapping[Partition, Gap]:
        """Our partitions that stand still until an operator accepts what is missing."""
        return self.app.standing.gaps if self.app.standing else {}

    @property
    def gate(self) -> Mapping[int, int]:
        """How many offsets of the first inputs are to be handled before the others of a partition number are read.

        A number whose gate is open is absent.
        """
        return self.app.standing.gate.remaining if self.app.standing else {}

    @property
    def holds(self) -> Mapping[Partition, Collection[str]]:
        """Our partitions that are not read for now, each with what keeps it: ``gate``, ``gap``."""
        consumer: Consumer | None = self.app._consumer
        return {} if consumer is None else consumer.holds.all

    # Assignments.

    def on_release(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call *callback* before partitions go, at a revoke and at a stop.

        No more records come, the partitions are still ours, and what is acknowledged now is committed afterwards. It is
        cancelled after ``settings.drain`` seconds; what it raises is logged.
        """
        self.app.release.add(callback)

    def on_assigned(self, callback: Callable[[set[int]], None]) -> None:
        """Call *callback* with the partitions' numbers after each assignment: the table is complete, no record came."""
        self.app.recovered.append(callback)

    @property
    def ready(self) -> bool:
        """Whether the group is joined, the table recovered, and records flow."""
        consumer = self.app._consumer
        return consumer is not None and consumer.opened

    @property
    def queued(self) -> int:
        """How many records are fetched and wait for their agent."""
        return sum(len(inlet.items) for inlet in self.app.inlets.values())

    @property
    def recovery(self) -> RecoveryProgress | None:
        """How far the latest recovery is; None before the first."""
        progress: RecoveryProgress | None = self.app.tables.recovery.progress
        return progress

    @property
    def set_aside(self) -> Mapping[str, int]:
        """How many state directories were set aside, by why (``corrupt``, ``foreign``, ``stale``, ``ahead``, ...)."""
        return {why.value: count for why, count in self._faust_table.data.doubts.items()}

    # The end.

    def halt(self) -> None:
        """Take no more records, for good: the worker is about to stop, which finishes what is under way."""
        self.app.halted = True
        if self.app._consumer is not None:
            self.app._consumer.stop_flow()

    @property
    def misfit(self) -> asyncio.Event:
        """Set when the group has assigned partitions of the inputs that do not belong together; none is read."""
        return self.app.misfit

    def crash(self, error: BaseException) -> None:
        """End the worker with exit code 1, after a release; the first *error* is the one that is told."""
        if self._crashing is None:
            self._crashing = asyncio.ensure_future(self.app.crash(error))
