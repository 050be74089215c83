"""A coroutine in a thread and an event loop of its own, so that heavy work does not hold up the group's callbacks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any


class InterruptedWorkError(RuntimeError):
    """The work was cancelled, and nobody had asked for it: aiokafka lets such a cancellation out now and then."""


class Background:
    """Runs one coroutine; start it, then wait for it. It can be cancelled from the loop that started it."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        """*work* is called in the thread, so what it creates belongs to the thread's loop."""
        self._work = work
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._lock = threading.Lock()
        self._cancelled = False
        self._inner: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None
        self._outer = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._outer.create_future()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def wait(self) -> None:
        """Wait for the end; raises what the work raised, CancelledError if it was cancelled."""
        await asyncio.shield(self._done)

    async def cancel(self) -> None:
        """Cancel the work and wait until it has really ended; quiet, whatever it ended with."""
        with self._lock:
            self._cancelled = True
            if self._inner is not None:
                loop, task = self._inner
                loop.call_soon_threadsafe(task.cancel)
        await asyncio.wait([self._done])
        if not self._done.cancelled():
            self._done.exception()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._main())
        except BaseException as raised:  # the thread has nobody else to tell
            error = raised
        self._outer.call_soon_threadsafe(self._end, error)

    async def _main(self) -> None:
        task = asyncio.ensure_future(self._work())
        with self._lock:
            if self._cancelled:
                task.cancel()
            self._inner = asyncio.get_running_loop(), task
        try:
            await task
        finally:
            with self._lock:
                self._inner = None

    def _end(self, error: BaseException | None) -> None:
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        elif isinstance(error, asyncio.CancelledError):
            if self._cancelled:
                self._done.cancel()
            else:  # it would look as if the waiting one were cancelled, which nobody hears of
                self._done.set_exception(InterruptedWorkError("the work was cancelled from within"))
        else:
            self._done.set_exception(error)
