"""Tasks that are under way for something that ends; a defect in one of them is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager


class Tasks(set["asyncio.Task[None]"]):
    """Those that have not ended; *defect* is told of an exception that ended one."""

    def __init__(self, defect: Callable[[BaseException], None]) -> None:
        super().__init__()
        self._loop, self._defect = asyncio.get_running_loop(), defect
        self._idle: set[asyncio.Task[None]] = set()
        self._is_closing = False

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Begin a task."""
        task = self._loop.create_task(work)
        self.add(task)
        task.add_done_callback(self._ended)

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Say that the current task has nothing under way meanwhile: ``drained`` ends it without waiting."""
        task = asyncio.current_task()
        assert task is not None, "only a task waits"
        self._idle.add(task)
        if self._is_closing:
            task.cancel()
        try:
            yield
        finally:
            self._idle.discard(task)

    async def drained(self, seconds: float) -> None:
        """Return when all have ended, at the latest after *seconds*; what has nothing under way is ended at once."""
        self._is_closing = True
        for task in self._idle:
            task.cancel()
        if under_way := list(self):
            await asyncio.wait(under_way, timeout=seconds)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._defect(error)
