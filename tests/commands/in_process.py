"""Runs a command in this process: it takes a second less than one of its own, and a broker is asked all the same."""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner

from tests.commands.desk import Ended


async def streams(folder: Path, *arguments: str) -> Ended:
    """Run the command with the settings in *folder*, in a thread with a loop of its own."""
    from streams.cli import main  # noqa: PLC0415 - as late as the process would

    asked = [*arguments, "--config", str(folder / "streams.yaml")]
    ended = await asyncio.to_thread(CliRunner().invoke, main, asked)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return Ended(ended.exit_code, ended.stdout, ended.stderr)
