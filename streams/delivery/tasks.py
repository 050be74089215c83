"""Tasks that are under way for something that ends; a defect in one of them is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine


class Tasks(set["asyncio.Task[None]"]):
    """Those that have not ended; *defect* is told of an exception that ended one."""

    def __init__(self, defect: Callable[[BaseException], None]) -> None:
        super().__init__()
        self._loop, self._defect = asyncio.get_running_loop(), defect

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Begin a task."""
        task = self._loop.create_task(work)
        self.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._defect(error)
