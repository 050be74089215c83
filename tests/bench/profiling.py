"""Where a process spends its time, by py-spy: the functions that are on top of the stack most often."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

SAMPLES_PER_SECOND = 250
LONGEST_SECONDS = 120
SHOWN = 35


@asynccontextmanager
async def profiled(pid: int, title: str, directory: Path) -> AsyncIterator[None]:
    """Sample a process for as long as the context lasts, then print what was seen; the stacks stay in *directory*."""
    stacks = directory / f"{title.replace('/', ' a ')}.stacks"
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).parent / "py-spy"), "record", "--pid", str(pid), "--nonblocking", "--function"),
        *("--format", "raw", "--rate", str(SAMPLES_PER_SECOND), "--duration", str(LONGEST_SECONDS)),
        *("--output", str(stacks)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)  # then it writes what it has
        await process.wait()
    print(f"\n== {title}\n{summary(stacks.read_text())}", file=sys.stderr)


def summary(stacks: str) -> str:
    """Return the share of each function, alone and with what it calls, of collapsed stacks."""
    alone, within = Counter[str](), Counter[str]()
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        names = frames.split(";")
        alone[names[-1]] += int(count)
        for name in set(names):
            within[name] += int(count)
    total = max(1, sum(alone.values()))
    lines = [f"{100 * n / total:6.1f} % {100 * within[name] / total:6.1f} %  {name}" for name, n in alone.items()]
    return "\n".join(["  alone    within", *sorted(lines, reverse=True)[:SHOWN]])
