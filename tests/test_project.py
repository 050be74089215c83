"""What must agree between the files of the project."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

import streams
from streams.engine.versions import KNOWN

ROOT = Path(__file__).parent.parent


def _text(name: str) -> str:
    return (ROOT / name).read_text()


def _commands(name: str) -> set[str]:
    """Return the lines of a shell script or of the README's shell blocks, without their comments."""
    text = _text(name)
    if name.endswith(".md"):
        text = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    return {re.split(r"\s+#|\s+2>&1|\s*\|", line)[0].strip() for line in text.splitlines()}


def test_the_newest_release_of_the_changelog_is_the_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", _text("CHANGELOG.md"), re.MULTILINE)

    released = [heading for heading in headings if heading != "Unreleased"]

    assert released[0] == streams.__version__
    assert headings[-len(released) :] == released, "what is not released stands above what is"


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


def test_only_versions_that_the_engine_knows_are_installed() -> None:
    asked = [Requirement(line) for line in tomllib.loads(_text("pyproject.toml"))["project"]["dependencies"]]
    allowed = {each.name: each.specifier for each in asked}

    for name, versions in KNOWN.items():
        assert all(version in allowed[name] for version in versions), name
        newest = Version(versions[-1])
        assert f"{newest.major}.{newest.minor}.{newest.micro + 1}" not in allowed[name], name
