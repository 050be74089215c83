"""The one interface to Faust: agents in, acknowledgements back, a table, and a release before partitions go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from streams.engine.app import App, ProfileTable
from streams.engine.consumer import Consumer
from streams.engine.inlet import Inlet
from streams.engine.message import Message
from streams.engine.settings import EngineSettings
from streams.engine.store import Table
from streams.engine.versions import check_versions

TURN = 64
"""Records an agent handles before it lets others run."""

Handle = Callable[[Message], None]
Room = Callable[[], Awaitable[None]]


class Engine:
    """A Faust app that loses nothing; run it with ``faust.Worker(engine.app, ...)``. Made once per process.

    The topics must exist: the inputs and ``table.changelog_topic``, all with ``settings.partitions`` partitions.
    """

    def __init__(self, settings: EngineSettings) -> None:
        check_versions()
        self._settings = settings
        self.app = App(settings)
        self._faust_table = ProfileTable(
            self.app, name="profiles", key_type=bytes, value_type=bytes, partitions=settings.partitions
        )
        self.app.tables.add(self._faust_table)
        self.table = Table(self._faust_table.changelog_topic_name, self._faust_table.data.states)
        self._crashing: asyncio.Future[None] | None = None

    # Agents.

    def consume(self, topic: str, handle: Handle, *, room: Room | None = None) -> None:
        """Register the agent of *topic*, before the start.

        *handle* is called once for each record of the current assignment, in offset order per partition, and never for
        one of an assignment that is over. What it raises ends the worker. *room* is awaited after each record.
        """
        channel = self.app.topic(topic, key_type=bytes, value_type=bytes, partitions=self._settings.partitions)

        async def agent(stream: Any) -> None:
            await self._read(topic, stream.channel.queue, handle, room)

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

    # The end.

    def crash(self, error: BaseException) -> None:
        """End the worker with exit code 1, after a release; the first *error* is the one that is told."""
        if self._crashing is None:
            self._crashing = asyncio.ensure_future(self.app.crash(error))
