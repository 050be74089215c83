"""Start child processes that cannot outlive the process that started them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from streams.demo.processes import die_with_parent

_SPAWNER = ThreadPoolExecutor(1, thread_name_prefix="spawner")
"""Linux sends the parent-death signal when the *thread* that forked ends, so one thread that never ends does it."""


def spawn(command: Sequence[str], *, log: Path) -> subprocess.Popen[bytes]:
    """Start *command* with its output appended to *log*; on Linux it dies with this process, however that ends."""
    return _SPAWNER.submit(_spawn, command, log).result()


def _spawn(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one call of a function that was resolved before the fork
        )
