# mypy: allow-subclassing-any, allow-untyped-decorators
"""After each assignment: open the states, load what they lack, then let records flow. Takes the place of Faust's.

Faust's recovery opens the flow before it seeks and clears, so records fetched in between vanish; here nothing flows
before the last step, and the changelogs are not read by the group's consumer at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from contextlib import AsyncExitStack
from time import monotonic
from typing import Any

from aiokafka import TopicPartition
from faust.tables import manager, recovery
from mode import Service

from streams.engine.background import Background
from streams.engine.loader import changelog_consumer, load
from streams.engine.states import State

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Partitions loaded side by side; more gain nothing (one interpreter) and cost memory."""


class ChangelogMismatchError(RuntimeError):
    """The changelog has not the partitions that the inputs have, so some profiles would have no state."""


class Recovery(recovery.Recovery):
    """Faust's recovery service with its loop replaced."""

    _background: Background | None = None
    _complete = False

    @Service.task
    async def _restart_recovery(self) -> None:
        while not await self.wait_for_stopped(self.signal_recovery_start):
            self.signal_recovery_start.clear()
            try:
                await self._recover(self._generation_id)
            except recovery.RebalanceAgain:
                continue
            except recovery.ServiceStopped:
                return

    async def _recover(self, generation: int) -> None:
        self._set_recovery_started()
        self._check_partitions()
        changelogs = sorted(self.active_tps)
        self.app.consumer.leave_changelogs(changelogs)
        opening = [self.tp_to_table[tp].data.open(tp.partition) for tp in changelogs]
        await self._wait(_in_turn(opening))
        self._complete = False
        await self._wait(self._load(changelogs))
        if not self._complete:
            raise recovery.RebalanceAgain
        await self._open(generation)

    def _check_partitions(self) -> None:
        recovered = {tp.partition for tp in self.active_tps}
        missing = {tp.partition for tp in self._sources()} - recovered
        if missing:
            topics = sorted(self.tables.changelog_topics)
            raise ChangelogMismatchError(f"{topics} lack the partitions {sorted(missing)}, which the inputs have")

    def _sources(self) -> set[Any]:
        return {tp for tp in self.app.consumer.assignment() if not self._is_changelog_tp(tp)}

    async def _load(self, changelogs: Iterable[Any]) -> None:
        waiting = deque((tp, self.tp_to_table[tp].data.states[tp.partition]) for tp in changelogs)
        started, loading = monotonic(), _Loading(self.app, waiting)
        self._background = Background(loading.run, "changelog")
        self._background.start()
        try:
            await self._background.wait()
            self._complete = True
        except asyncio.CancelledError:
            if self._background is not None:
                raise
            # Halted by a revoke or a stop, while this service goes on.
        finally:
            await self.halt()
        if loading.records:
            log.info("loaded %d changelog records in %.1f s", loading.records, monotonic() - started)

    async def halt(self) -> None:
        """End a load under way, and wait until it no longer touches a state."""
        background, self._background = self._background, None
        if background is not None:
            await background.cancel()

    async def _open(self, generation: int) -> None:
        """Let records flow: the states are complete. Does nothing if the assignment is over already."""
        app, consumer = self.app, self.app.consumer
        await app.on_rebalance_complete.send()
        self._set_recovery_ended()
        if generation != app.consumer_generation_id or self.signal_recovery_start.is_set() or self.should_stop:
            return
        sources = self._sources()
        app.on_recovered({tp.partition for tp in sources})
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_partitions(sources)
        consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()

    async def on_stop(self) -> None:
        """End a load under way."""
        await self.halt()

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Stock reads changelogs from a queue; nothing comes there."""

    @Service.task
    async def _publish_stats(self) -> None:
        """Stock reports on its own recovery."""


class _Loading:
    """Loads partitions, a few side by side, in a thread of its own."""

    def __init__(self, app: Any, waiting: deque[tuple[Any, State]]) -> None:
        self._bootstrap_servers = app.engine_settings.bootstrap_servers
        self._check_value = app.engine_settings.checked
        self._waiting = waiting
        self.records = 0

    async def run(self) -> None:
        await asyncio.gather(*(self._load_next() for _ in range(min(AT_ONCE, len(self._waiting)))))

    async def _load_next(self) -> None:
        async with AsyncExitStack() as stack:
            consumer = await stack.enter_async_context(changelog_consumer(self._bootstrap_servers))
            while self._waiting:
                tp, state = self._waiting.popleft()
                partition = TopicPartition(tp.topic, tp.partition)
                consumer.assign([partition])
                loaded = await load(consumer, partition, state, self._check_value)
                self.records += loaded.records


class TableManager(manager.TableManager):
    """Faust's, with our recovery, and without the second that it sleeps before it starts."""

    _recovery: Recovery | None = None

    @property
    def recovery(self) -> Recovery:
        """The recovery service."""
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Register the tables' channels; the conductor waits for that, and for the agents, before it subscribes."""
        await self._update_channels()
        await self.recovery.start()


async def _in_turn(opening: Iterable[Any]) -> None:
    for coroutine in opening:
        await coroutine
