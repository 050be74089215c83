"""The demo's commands are the real ones, and one that fails says what it said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streams.demo import command
from streams.demo.command import CommandFailedError


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "streams.yaml").write_text("app: shown\ninputs: {memberships: m}\n")
    return tmp_path / "streams.yaml"


async def test_a_command_runs_with_the_settings_of_the_demo(config: Path) -> None:
    lines = await command.run(["settings"], config, os.environ)

    assert any(line.split()[:2] == ["app", "shown"] for line in lines)


async def test_a_command_that_fails_is_named_with_what_it_said(config: Path) -> None:
    with pytest.raises(CommandFailedError, match="streams destinations pause 'a b' ended with exit code 2") as raised:
        await command.run(["destinations", "pause", "a b"], config, os.environ)

    assert any("--why" in line for line in raised.value.lines)
