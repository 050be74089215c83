"""Start child processes that cannot outlive the process that started them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from tests.brokers.processes import die_with_parent

_SPAWNER = ThreadPoolExecutor(1, thread_name_prefix="spawner")
"""Linux sends the parent-death signal when the *thread* that forked ends, so one thread that never ends does it."""


def spawn(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None, piped: bool = False
) -> subprocess.Popen[bytes]:
    """Start *command*; on Linux it dies with this process, however that ends.

    Its output is appended to *log*; with *piped* only its errors are, and it is spoken to through pipes. Without an
    *environment* it has ours.
    """
    return _SPAWNER.submit(partial(_spawn, command, log, environment, piped=piped)).result()


def _spawn(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None, *, piped: bool
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
            stdout=subprocess.PIPE if piped else output,
            stderr=output,
            env=environment,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one call of a function that was resolved before the fork
        )
