"""Processes of a run beside its workers, told what to do by lines; and what a process has used and holds."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

LINE_BYTES = 64 * 1024 * 1024
ANSWERED_WITHIN_SECONDS = 30.0


class Told:
    """A process that answers each line of JSON with one."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._lock = asyncio.Lock()
        self.first = ""
        """Its first line, said when it was ready."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def tell(self, **command: object) -> dict[str, Any]:
        """Tell it something, and return its answer."""
        assert self._process.stdin is not None
        async with self._lock:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            answer: dict[str, Any] = json.loads(await self.line())
            return answer

    async def line(self) -> str:
        """Return its next line."""
        assert self._process.stdout is not None
        async with asyncio.timeout(ANSWERED_WITHIN_SECONDS):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"process {self.pid} has ended with {await self._process.wait()}")
        return line.decode().strip()


@asynccontextmanager
async def told(module: str, *arguments: str) -> AsyncIterator[Told]:
    """Lend a module of ours that runs as a process, once it is ready."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    lent = Told(process)
    try:
        lent.first = await lent.line()
        yield lent
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used, all its threads together, as its getrusage would tell (Linux)."""
    return time.clock_gettime((~pid << 3) | 2)


def rss_bytes(pid: int, *, peak: bool = False) -> int:
    """Return the memory that a process holds, or the most that it has held (Linux)."""
    name = "VmHWM" if peak else "VmRSS"
    found = re.search(rf"^{name}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Let a process stand still, so that what is prepared for it is there at once when it goes on."""
    os.kill(pid, signal.SIGSTOP)
    try:
        while not _is_stopped(pid):
            time.sleep(0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _is_stopped(pid: int) -> bool:
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)
