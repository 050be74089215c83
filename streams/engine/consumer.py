# mypy: allow-subclassing-any, allow-untyped-decorators
"""The consumer: a gate that is open only while an assignment is ours and recovered, and commits that lose nothing.

The gate replaces Faust's pausing and seeking around a recovery: nothing is fetched until ``resume_flow``, which the
recovery calls last, and nothing that was fetched for another assignment is handed on. Records go straight into the
agents' queues, without a task, a lock or an Event per record.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as driver
from mode import Service

from streams.engine.commits import Commits
from streams.engine.holds import Holds, Why
from streams.engine.message import Message, message_of
from streams.engine.thread import ConsumerThread, Records
from streams.groups.gaps import Partition

log = logging.getLogger(__name__)

FETCH_SECONDS = 1.0
"""How long a fetch waits for records."""
GATE_SECONDS = 0.1
"""How long while the gate of a first start is shut: it opens between two fetches."""


class Consumer(driver.Consumer):
    """Faust's consumer with its own fetching, acknowledging, committing and releasing."""

    consumer_stopped_errors = (ConsumerStoppedError,)
    _thread: ConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.assignment_count = 0
        self.holds = Holds()
        self._opened = False
        self._wake = asyncio.Event()
        self._committing = asyncio.Lock()
        self._releasing: asyncio.Future[None] | None = None
        self.commits = Commits()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def thread(self) -> ConsumerThread:
        """The thread in which the group's member lives."""
        return self._thread

    # The gate.

    @property
    def opened(self) -> bool:
        """Whether records flow: the group is joined, the tables are recovered, no release is under way."""
        return self._opened

    @property
    def is_released(self) -> bool:
        """Whether the assignment is over or about to be; until the next one begins."""
        return self._releasing is not None

    def is_open(self, assignment: int) -> bool:
        """Whether records fetched for *assignment* may still be handed on; also asked from the consumer thread."""
        return self._opened and assignment == self.assignment_count

    def resume_flow(self) -> None:
        """Open the gate. The recovery calls it last; any earlier and a fetch could outrun the recovery."""
        super().resume_flow()
        self._opened = not self.app.halted
        self.wake()

    def stop_flow(self) -> None:
        """Close the gate and drop what no agent has taken: it is not acknowledged, so its next owner reads it again."""
        super().stop_flow()
        self._opened = False
        for inlet in self.app.inlets.values():
            inlet.clear()
        self._thread.interrupt()

    def resume_partitions(self, tps: Iterable[Any]) -> None:
        """Fetch from partitions again; loses nothing, since a fetch keeps the set it began with."""
        super().resume_partitions(tps)
        self.wake()

    def leave_changelogs(self, changelogs: Iterable[Any]) -> None:
        """Keep the group's consumer from prefetching what the recovery reads by itself."""
        self._thread.pause_fetching(list(changelogs))

    def hold(self, partitions: Collection[Partition], why: Why) -> None:
        """Neither take nor prefetch *partitions* under this assignment, until everything that keeps them lets go."""
        self._thread.pause_fetching(self.holds.hold(partitions, why))

    def let_go(self, partitions: Collection[Partition], why: Why) -> None:
        """Read *partitions* again, from where they were left, unless something else keeps them."""
        self._thread.resume_fetching(self.holds.let_go(partitions, why))
        self.wake()

    def overtaken(self, partitions: Iterable[Partition], assignment: int) -> None:
        """Take note of partitions that have nothing at our position; called in the main loop."""
        if self.is_open(assignment):
            for partition in partitions:
                self.app.standing.overtaken(partition)

    def wake(self) -> None:
        """Look again whether something may be fetched: an inlet has room, or the gate is open."""
        self._wake.set()

    # Assignments.

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Release while the partitions are ours, then let Faust go on."""
        await self.release()
        await self.app.tables.recovery.halt()
        if not self.app.should_stop:  # else stock closes the client under our feet, from the wrong loop
            await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[Any], generation_id: int = 0) -> None:
        """Begin a new assignment, closed until it is recovered."""
        if self.app.should_stop or not self.app.fits(assigned):
            return
        self._begin()
        await super().on_partitions_assigned(assigned, generation_id)

    def _begin(self) -> None:
        if self._opened:  # an assignment that follows none is not announced by a revoke
            self.stop_flow()
        self.assignment_count += 1
        self.commits.clear()
        self._forget()
        self._releasing = None

    def _forget(self) -> None:
        self.holds.clear()
        if self.app.standing is not None:
            self.app.standing.over()

    async def release(self) -> None:
        """Close the gate, finish what may be finished, commit: then the assignment is over. Once per assignment."""
        if self._releasing is None:
            self._releasing = asyncio.ensure_future(self._release())
        await asyncio.shield(self._releasing)

    async def _release(self) -> None:
        self.stop_flow()
        self._forget()
        await self.app.release.run(self.commit)
        self.assignment_count += 1

    # Records.

    async def _drain_messages(self, fetcher: Any) -> None:
        """Move records from the fetcher to the inlets until stopped; never blocks on a full inlet."""
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                if self._opened and self.app.standing is not None and self.app.standing.is_due:
                    await self.app.standing.look()
                assignment = self.assignment_count
                records = await self._next_records(assignment)
                if records and self.is_open(assignment):
                    self._hand_on(records, assignment)
                await asyncio.sleep(self._pause_after(records))
        except (*self.consumer_stopped_errors, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    def _pause_after(self, records: Records) -> float:
        """Return how long to wait: while little comes, a moment lets the broker gather more for the next fetch."""
        settings = self.app.engine_settings
        few = 0 < sum(map(len, records.values())) < settings.max_poll_records / 4
        linger: float = settings.linger if few else 0
        return linger

    async def _next_records(self, assignment: int) -> Records:
        self._wake.clear()
        wanted = self._fetchable()
        if wanted:
            fetched: Records = await self._thread.fetch(wanted, assignment, self._patience)
            return fetched
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                await self._wake.wait()
        return {}

    @property
    def _patience(self) -> float:
        return GATE_SECONDS if self.holds.any(Why.GATE) else FETCH_SECONDS

    def _fetchable(self) -> frozenset[Partition]:
        if not self._opened:
            return frozenset()
        rooms = {topic for topic, inlet in self.app.inlets.items() if inlet.has_room}
        return frozenset(tp for tp in self._active_partitions if tp.topic in rooms and tp not in self.holds)

    def _hand_on(self, records: Records, assignment: int) -> None:
        for partition, fetched in records.items():
            messages = [message_of(record, assignment) for record in fetched]
            self.commits.of[partition].take([message.offset for message in messages])
            self.app.inlets[partition[0]].put(messages)

    # Acknowledging and committing.

    def is_current(self, message: Message) -> bool:
        """Whether the message's assignment is still ours."""
        return message.assignment == self.assignment_count

    def acknowledge(self, message: Message) -> None:
        """Let the message's offset be committed, once everything below it is acknowledged too."""
        if self.is_current(message):
            self.commits.of[message.topic, message.partition].acknowledge(message.offset)

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what may be; True unless the broker refused. Callers wait for each other, none is skipped."""
        async with self._committing:
            due = self.commits.due
            if not due:
                return True
            if not await self._thread.commit({driver.TopicPartition(*each): offset for each, offset in due.items()}):
                return False
            self.commits.committed(due)
            return True

    async def on_stop(self) -> None:
        """Stop; the release has committed already, or could not."""
        self.transport._topic_waiters.clear()

    # Watching.

    def _crash(self, reason: BaseException) -> None:
        """Stay up when the app crashes, so that what is acknowledged can still be committed; the stop comes anyway."""

    @Service.task
    async def _keep_alive(self) -> None:
        while not self.should_stop:
            await self._thread.keep_alive()
            await self.sleep(min(1.0, self.app.conf.broker_max_poll_interval / 4))

    @Service.task
    async def _commit_livelock_detector(self) -> None:
        """Stock looks at figures that only its own drain loop keeps."""
