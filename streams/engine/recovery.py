# mypy: allow-subclassing-any, allow-untyped-decorators
"""After each assignment: open the states, load what they lack, then let records flow. Takes the place of Faust's.

Faust's recovery opens the flow before it seeks and clears, so records fetched in between vanish; here nothing flows
before the last step, and the changelogs are not read by the group's consumer at all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from time import time
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.tables import manager, recovery
from mode import Service

from streams.engine.background import Background, InterruptedWorkError
from streams.engine.loader import Loader, changelog_consumer
from streams.engine.offsets import passes
from streams.engine.progress import RecoveryProgress
from streams.engine.settings import EngineSettings
from streams.engine.states import State
from streams.engine.store import Store
from streams.engine.trust import DistrustedError

RETRY_SECONDS = 0.5
AT_ONCE = 2
"""Partitions loaded side by side; more gain nothing (one interpreter) and cost memory."""
SAY_SECONDS = 5.0
"""Between two lines of the log that say how far a recovery is."""
TOUCH_SECONDS = (1.0, 60.0)
"""How often the time of use is written at most and at least: otherwise twenty times in what tombstones are kept."""


class ChangelogMismatchError(RuntimeError):
    """The changelog has not the partitions that the inputs have, so some profiles would have no state."""


class Recovery(recovery.Recovery):
    """Faust's recovery service with its loop replaced."""

    _background: Background | None = None
    _complete = False
    progress: RecoveryProgress | None = None
    """Of the latest recovery."""

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
        await self.halt()  # of an assignment that this one follows: its load may still be on its way out
        self._set_recovery_started()
        self._check_partitions()
        changelogs = sorted(self.active_tps)
        self.app.consumer.leave_changelogs(changelogs)
        began = time()
        self.progress = RecoveryProgress([tp.partition for tp in changelogs])
        self._complete = False
        await self._wait(self._complete_all(changelogs, self.progress))
        if not self._complete or self.app.consumer.is_released:
            raise recovery.RebalanceAgain
        structlog.get_logger().info("recovery.done", **_figures(self.progress))
        self._store.whole({tp.partition for tp in changelogs}, began)
        await self.app.stand()
        await self._open(generation)

    @property
    def _store(self) -> Store:
        (table,) = self.tables.values()
        store: Store = table.data
        return store

    def _check_partitions(self) -> None:
        recovered = {tp.partition for tp in self.active_tps}
        missing = {tp.partition for tp in self._sources()} - recovered
        if missing:
            topics = sorted(self.tables.changelog_topics)
            raise ChangelogMismatchError(f"{topics} lack the partitions {sorted(missing)}, which the inputs have")

    def _sources(self) -> set[Any]:
        return {tp for tp in self.app.consumer.assignment() if not self._is_changelog_tp(tp)}

    async def _complete_all(self, changelogs: Sequence[Any], progress: RecoveryProgress) -> None:
        """Open and load the states; one that turns out not to be believed is loaded once more, from nothing.

        Opening may take long, and so may a broker that is away: what was released meanwhile is not loaded.
        """
        telling = asyncio.create_task(_tell(progress))
        try:
            while True:
                waiting = deque([(tp, await self._store.open(tp.partition)) for tp in changelogs])
                if self.app.consumer.is_released:
                    return None
                try:
                    return await self._load(_Loading(self.app.engine_settings, waiting, progress))
                except DistrustedError as doubt:
                    self._store.set_aside(doubt)
                except (InterruptedWorkError, KafkaError) as error:
                    if isinstance(error, KafkaError) and not passes(error):
                        raise
                    structlog.get_logger().warning("recovery.again", why=type(error).__name__)
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            telling.cancel()

    async def _load(self, loading: _Loading) -> None:
        background = self._background = Background(loading.run, "changelog")
        background.start()
        try:
            await background.wait()
            self._complete = True
        except asyncio.CancelledError:
            if self._background is background:
                raise
            # Halted by a revoke or a stop, while this service goes on.
        finally:
            if self._background is background:
                self._background = None
            await background.cancel()

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
        is_over = consumer.is_released or generation != app.consumer_generation_id
        if is_over or self.signal_recovery_start.is_set() or self.should_stop:
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
    async def _touch(self) -> None:
        least, most = TOUCH_SECONDS
        while not self.should_stop:
            await self.sleep(min(most, max(least, self._store.retention / 20)))
            self._store.touch()

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Stock reads changelogs from a queue; nothing comes there."""

    @Service.task
    async def _publish_stats(self) -> None:
        """Stock reports on its own recovery."""


class _Loading:
    """Loads partitions, a few side by side, in a thread of its own."""

    def __init__(self, settings: EngineSettings, waiting: deque[tuple[Any, State]], progress: RecoveryProgress) -> None:
        self._settings, self._waiting, self._progress = settings, waiting, progress

    async def run(self) -> None:
        await asyncio.gather(*(self._load_next() for _ in range(min(AT_ONCE, len(self._waiting)))))
        self._progress.end()

    async def _load_next(self) -> None:
        async with AsyncExitStack() as stack:
            consumer = changelog_consumer(self._settings.brokers)
            stack.push_async_callback(consumer.stop)  # by "async with" one whose start is cancelled is forgotten
            await consumer.start()
            await self._measure(consumer)
            retention = self._settings.delete_retention_seconds
            loader = Loader(consumer, self._settings.checked, self._progress, retention=retention)
            while self._waiting:
                tp, state = self._waiting.popleft()
                partition = TopicPartition(tp.topic, tp.partition)
                consumer.assign([partition])
                try:
                    await loader.load(partition, state)
                except DistrustedError as doubt:
                    doubt.partition = tp.partition
                    raise

    async def _measure(self, consumer: Any) -> None:
        """Note how much of the partitions that wait is to be read, before the first is complete."""
        waiting = {TopicPartition(tp.topic, tp.partition): state for tp, state in self._waiting}
        beginnings, ends = await consumer.beginning_offsets(waiting), await consumer.end_offsets(waiting)
        for partition, state in waiting.items():
            known = -1 if state.offset is None else state.offset
            self._progress.ahead(partition.partition, max(0, ends[partition] - max(beginnings[partition], known + 1)))


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


async def _tell(progress: RecoveryProgress) -> None:
    """Say how far a long recovery is, until cancelled."""
    while True:
        await asyncio.sleep(SAY_SECONDS)
        structlog.get_logger().info("recovery.progress", **_figures(progress), remaining=progress.remaining)


def _figures(progress: RecoveryProgress) -> dict[str, Any]:
    return {
        "partitions": progress.partitions,
        "done": progress.done,
        "loaded": progress.loaded,
        "seconds": round(progress.seconds, 1),
        "rate": round(progress.rate),
    }
