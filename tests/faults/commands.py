"""Commands as an operator gives them: processes with a worker's settings and environment, timed."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.faults.worker import Worker

WITHIN_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and when it was begun and was over."""

    code: int | None
    out: str
    error: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it took, from the start of its process to its end."""
        return self.ended - self.began


async def given(worker: Worker, *command: str | Path) -> Ended:
    """Run ``streams`` with the worker's settings, and return how it ended."""
    began = time.time()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams", *map(str, command), "--config", str(worker.directory / "streams.yaml")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=worker.environment,
    )
    out, error = await asyncio.wait_for(process.communicate(), WITHIN_SECONDS)
    return Ended(process.returncode, out.decode(), error.decode(), began, time.time())
