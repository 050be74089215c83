# mypy: allow-subclassing-any
"""The table's store: which partitions' states are open, under which lock, and believed since when.

Faust's store opens its databases inside the rebalance and leaves closing them to the garbage collector. Here the
recovery opens them, and a rebalance that takes them away closes them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from time import time
from typing import Any, Protocol

import structlog
from faust.stores import memory

from streams.engine.states import State
from streams.engine.trust import DistrustedError, Doubt, LockedError, check_age

LOCK_SECONDS = 60.0
"""How long another process may hold a partition's directory: one that is still ending does, for a moment."""


class States(Protocol):
    """Where states come from."""

    def open(self, partition: int) -> State:
        """Open or create a partition's state."""

    def set_aside(self, partition: int, why: Doubt) -> Path | None:
        """Put away what is there of a partition; return where it went."""


class Store(memory.Store):
    """Holds the open states; Faust's own ways of writing to a store are closed."""

    def __init__(
        self,
        *args: Any,
        places: States,
        retention: float,
        ours: Callable[[], bool] = lambda: True,
        now: Callable[[], float] = time,
        **kwargs: Any,
    ) -> None:
        """*retention* is how long, in seconds, the changelog keeps its tombstones; *ours* tells of the partitions."""
        super().__init__(*args, **kwargs)
        self._places, self.retention, self._ours, self._now = places, retention, ours, now
        self.states: dict[int, State] = {}
        self.doubts: Counter[Doubt] = Counter()
        """How many states were set aside, by why."""
        self._whole: set[int] = set()

    async def open(self, partition: int) -> State:
        """Return the partition's state, or an empty one where what is there must not be believed."""
        while True:
            try:
                state = self.states.get(partition) or await self._opened(partition)
                if state.offset is not None:
                    check_age(state.used, self._now(), self.retention)
                return state
            except DistrustedError as doubt:
                doubt.partition = partition
                self.set_aside(doubt)

    async def _opened(self, partition: int) -> State:
        """Open the partition's state; waits while another process holds it, then raises what the store said."""
        deadline = asyncio.get_running_loop().time() + LOCK_SECONDS
        while True:
            try:
                self.states[partition] = await asyncio.to_thread(self._places.open, partition)
                return self.states[partition]
            except LockedError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                structlog.get_logger().warning("state.held-by-another-process", partition=partition)
                await asyncio.sleep(0.5)

    def set_aside(self, doubt: DistrustedError) -> None:
        """Put away the state of the doubt's partition, loudly; the next ``open`` makes an empty one."""
        partition = doubt.partition
        self.close([partition])
        place = self._places.set_aside(partition, doubt.why)
        self.doubts[doubt.why] += 1
        structlog.get_logger().warning(
            "state.set-aside",
            partition=partition,
            why=doubt.why.value,
            found=str(doubt),
            moved_to=str(place) if place else None,
            todo="nothing: the state is built anew from the changelog. Remove the directory when nobody needs it",
        )

    def whole(self, partitions: Iterable[int], since: float) -> None:
        """Note that the states of *partitions* lacked nothing at *since*, and lack nothing as long as they are ours."""
        self._whole = set(partitions)
        for partition in self._whole & set(self.states):
            self.states[partition].touch(since)

    def touch(self) -> None:
        """Write down that the states lack nothing now; not if others may have written since they were whole."""
        if self._ours():
            now = self._now()
            for partition in self._whole & set(self.states):
                self.states[partition].touch(now)

    async def release(self) -> None:
        """Write it down for the last time, while the partitions are ours: from now on others may write."""
        try:
            self.touch()
        finally:
            self._whole = set()

    def close(self, partitions: Iterable[int]) -> None:
        """Close states; those that are not open are ignored."""
        for partition in list(partitions):
            state = self.states.pop(partition, None)
            if state is not None:
                state.close()

    async def on_rebalance(self, assigned: set[Any], revoked: set[Any], *_: Any, **__: Any) -> None:
        """Close what went to another worker; what stayed, stays open."""
        changelog = self.table.changelog_topic_name
        self.close(tp.partition for tp in revoked if tp.topic == changelog)

    async def on_recovery_completed(self, active_tps: set[Any], standby_tps: set[Any]) -> None:
        """Nothing is left to do."""

    async def stop(self) -> None:
        """Close everything; also when the service was never started."""
        self.close(self.states)
        await super().stop()

    def persisted_offset(self, tp: Any) -> int | None:
        """Not told to Faust: the recovery asks the state itself."""
        return None

    def apply_changelog_batch(self, batch: Iterable[Any], *_: Any, **__: Any) -> None:
        """Refuse rows, should Faust's own recovery ever bring some."""
        if list(batch):
            raise RuntimeError("a changelog is loaded by the engine's recovery only")


class Table:
    """The profiles: read from the store, written after the broker has confirmed the rows."""

    def __init__(self, changelog_topic: str, states: Mapping[int, State]) -> None:
        self.changelog_topic = changelog_topic
        """The topic that the rows must be sent to, with the partition of the record that caused them."""
        self._states = states

    def get(self, partition: int, key: bytes) -> bytes | None:
        """Return the value as of the last write; KeyError if the partition is not ours."""
        return self._states[partition].get(key)

    def marked(self, partition: int) -> Collection[bytes]:
        """Return the keys whose values ``EngineSettings.marks`` accepts, as of the last write; KeyError as above."""
        return list(self._states[partition].marked)

    def walk(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield each key and value; what is written while it lasts may be missing, or old. KeyError as above."""
        return self._states[partition].walk()

    def write(self, partition: int, rows: Mapping[bytes, bytes | None], offset: int) -> None:
        """Write rows that the broker has confirmed, the last at *offset*, with that offset in one atomic batch.

        Ignored when the partition is no longer ours, or when a recovery has already read past *offset*: then the rows
        came too late, and what stands in the changelog behind them counts.
        """
        state = self._states.get(partition)
        if state is not None and (state.offset is None or offset > state.offset):
            state.apply(rows.items(), offset, ours=True)
