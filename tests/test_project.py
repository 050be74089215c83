"""What must agree between the files of the project."""

from __future__ import annotations

import re
from pathlib import Path

import streams

ROOT = Path(__file__).parent.parent


def _text(name: str) -> str:
    return (ROOT / name).read_text()


def _commands(name: str) -> set[str]:
    """Return the lines of a shell script or of the README's shell blocks, without their comments."""
    text = _text(name)
    if name.endswith(".md"):
        text = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    return {re.split(r"\s+#|\s+2>&1|\s*\|", line)[0].strip() for line in text.splitlines()}


def test_the_newest_heading_of_the_changelog_is_the_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", _text("CHANGELOG.md"), re.MULTILINE)

    assert headings[0] == streams.__version__


def test_continuous_integration_runs_the_test_command_that_the_readme_gives() -> None:
    given = {command for command in _commands("README.md") if re.match(r"make test\b", command)}

    assert given == {"make test"}
    assert given <= _commands(".ci/run")


def test_every_make_target_that_the_readme_names_is_there() -> None:
    named = set(re.findall(r"`make ([a-z-]+)`", _text("README.md")))
    named |= {command.split()[1] for command in _commands("README.md") if command.startswith("make ")}
    targets = set(re.findall(r"^([a-z-]+):", _text("Makefile"), re.MULTILINE))

    assert named >= {"demo", "test"}
    assert named <= targets
