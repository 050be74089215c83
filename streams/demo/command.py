"""What an operator types in another terminal: a real command, run with the demo's settings, and what it says."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from streams.demo.processes import die_with_parent


class CommandFailedError(Exception):
    """A command ended with another code than 0; *lines* are what it said."""

    def __init__(self, arguments: Sequence[str], code: int, lines: Sequence[str]) -> None:
        super().__init__(f"{shown(arguments)} ended with exit code {code}")
        self.lines = tuple(lines)


def shown(arguments: Sequence[str]) -> str:
    """Return a command as it is typed."""
    return shlex.join(["streams", *arguments])


async def run(arguments: Sequence[str], config: Path, environ: Mapping[str, str]) -> list[str]:
    """Run ``streams`` with *arguments* and return the lines that it says; raises CommandFailedError."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "streams", *arguments, "--config", str(config)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=dict(environ),
        start_new_session=True,
        preexec_fn=die_with_parent,
    )
    try:
        said, _ = await process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    lines = said.decode(errors="replace").splitlines()
    if process.returncode:
        raise CommandFailedError(arguments, process.returncode, lines)
    return lines
