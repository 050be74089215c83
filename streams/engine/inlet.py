"""The way from the consumer to one agent: its channel's queue, with a bound that never blocks the drain loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streams.engine.message import Message


class Inlet:
    """Wraps the queue of a Faust channel; a topic whose inlet has no room is not fetched from."""

    def __init__(self, queue: Any, capacity: int, batch: int) -> None:
        """*batch* is what one fetch may bring: it must still fit when ``has_room`` was true."""
        self.queue = queue
        self.items: Any = queue._queue
        self._limit = max(capacity - batch, 1)

    @property
    def has_room(self) -> bool:
        """Whether a whole fetch may be put."""
        return len(self.items) < self._limit

    def put(self, messages: Sequence[Message]) -> None:
        """Add messages, in order, and wake the agent once."""
        self.items.extend(messages[:-1])
        self.queue.force_put_nowait(messages[-1])

    def clear(self) -> None:
        """Drop what no agent has taken."""
        self.items.clear()
