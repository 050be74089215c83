# mypy: allow-subclassing-any
"""The table's store: which partitions' states are open, and under which lock.

Faust's store opens its databases inside the rebalance and leaves closing them to the garbage collector. Here the
recovery opens them, and a rebalance that takes them away closes them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from faust.stores import memory

from streams.engine.states import State

log = logging.getLogger(__name__)

LOCK_SECONDS = 60.0
"""How long another process may hold a partition's directory: one that is still ending does, for a moment."""


class Store(memory.Store):
    """Holds the open states; Faust's own ways of writing to a store are closed."""

    def __init__(self, *args: Any, new_state: Callable[[int], State], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._new_state = new_state
        self.states: dict[int, State] = {}

    async def open(self, partition: int) -> State:
        """Return the partition's state; waits while another process holds it, then raises what the store said."""
        deadline = asyncio.get_running_loop().time() + LOCK_SECONDS
        while partition not in self.states:
            try:
                self.states[partition] = await asyncio.to_thread(self._new_state, partition)
            except Exception as error:
                if "lock" not in str(error).lower() or asyncio.get_running_loop().time() > deadline:
                    raise
                log.warning("the state of partition %d is held by another process; trying again", partition)
                await asyncio.sleep(0.5)
        return self.states[partition]

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

    def write(self, partition: int, rows: Mapping[bytes, bytes | None], offset: int) -> None:
        """Write rows that the broker has confirmed, the last at *offset*, with that offset in one atomic batch.

        Ignored when the partition is no longer ours, or when a recovery has already read past *offset*: then the rows
        came too late, and what stands in the changelog behind them counts.
        """
        state = self._states.get(partition)
        if state is not None and (state.offset is None or offset > state.offset):
            state.apply(rows.items(), offset, ours=True)
