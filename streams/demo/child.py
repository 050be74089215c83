"""The worker of the demo: the real ``streams worker`` as a child process, watched through its own health and metrics.

It has a session of its own, so that a Ctrl-C in the terminal reaches the demo alone, which then stops it in order.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import aiohttp

from streams.demo.books import Books
from streams.demo.figures import read_books
from streams.demo.processes import die_with_parent

STOP_SECONDS = 10.0
"""How long the worker may take to stop, which by its own rule is bounded by its drain, before it is killed."""

POLL_SECONDS = 0.1
LAST_LINES = 20


class WorkerEndedError(Exception):
    """The worker ended by itself; *lines* are the last of its log."""

    def __init__(self, code: int, lines: Sequence[str]) -> None:
        super().__init__(f"the worker ended by itself with exit code {code}")
        self.lines = tuple(lines)


class WorkerChild:
    """One worker, from ``start`` until ``stop``; *port* is where it serves its health."""

    def __init__(self, config: Path, *, port: int, environ: Mapping[str, str]) -> None:
        self._config, self._environ = config, environ
        self.url = f"http://127.0.0.1:{port}"
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._running.pid

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The last lines of what the worker wrote."""
        return tuple(self._lines)

    @property
    def _running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "start() comes first"
        return self._process

    async def start(self) -> None:
        """Start the process, and keep the last lines of what it writes."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "streams", "worker", "--config", str(self._config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(self._environ),
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._running.stdout is not None
        rest = b""
        while chunk := await self._running.stdout.read(65536):  # not readline: it fails on a very long line
            *lines, rest = (rest + chunk).split(b"\n")
            self._lines.extend(line.decode(errors="replace") for line in lines)
        if rest:
            self._lines.append(rest.decode(errors="replace"))

    async def watch(self) -> None:
        """Raise WorkerEndedError when the process ends; never return."""
        code = await self._running.wait()
        assert self._reading is not None
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reading), 1.0)
        raise WorkerEndedError(code, self.last_lines)

    async def ready(self, session: aiohttp.ClientSession) -> None:
        """Return when the worker has joined its group."""
        while not await self._is_ready(session):  # noqa: ASYNC110 - another process says so only when it is asked
            await asyncio.sleep(POLL_SECONDS)

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(f"{self.url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def books(self, session: aiohttp.ClientSession) -> Books | None:
        """Return the worker's books of this moment; None if it does not answer, which ``watch`` may explain."""
        try:
            async with session.get(f"{self.url}/metrics", raise_for_status=True) as answer:
                return read_books(await answer.text())
        except aiohttp.ClientError:
            return None

    async def stop(self) -> bool:
        """Let the worker stop in order, and return whether it did; kill it if it does not."""
        if self._process is None:
            return True
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            return False
        finally:
            if self._reading is not None:
                self._reading.cancel()  # a grandchild could hold the pipe open
        return True
