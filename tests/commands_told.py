"""What the commands tell of themselves: each of the whole tree, with its examples and its exit codes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import click

from streams.cli import main

_SHELL = frozenset({">", "|", "&&"})
"""What follows one of these in an example is the shell's."""


@dataclass(frozen=True, slots=True)
class Told:
    """A command as it is called, and what its help ends with."""

    path: tuple[str, ...]
    command: click.Command

    def __str__(self) -> str:
        return " ".join(("streams", *self.path))

    @property
    def is_group(self) -> bool:
        return isinstance(self.command, click.Group)

    @property
    def options(self) -> set[str]:
        return {name for each in self.command.params for name in each.opts}

    @property
    def examples(self) -> list[str]:
        found = re.search(r"Examples:\n((?:  .+\n)+)", self.command.epilog or "")
        return [line.strip() for line in found[1].splitlines()] if found else []

    @property
    def codes(self) -> dict[int, str]:
        _, _, told = (self.command.epilog or "").partition("Exit codes:\n")
        lines = re.findall(r"^  (\d)  (.+(?:\n {5}\S.*)*)$", told, re.MULTILINE)
        return {int(code): " ".join(meaning.split()) for code, meaning in lines}


def arguments_of(example: str) -> list[str]:
    """Return what an example gives the command ``streams``."""
    name, *words = shlex.split(example)
    assert name == "streams", example
    return words[: next((number for number, word in enumerate(words) if word in _SHELL), len(words))]


def all_told(command: click.Command = main, path: tuple[str, ...] = ()) -> Iterator[Told]:
    """Yield every command and every group, each below its own."""
    yield Told(path, command)
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from all_told(below, (*path, name))


def parsed(arguments: list[str]) -> tuple[str, ...]:
    """Return the path of the command that click takes *arguments* for; raises UsageError where it takes them not."""
    context = main.make_context("streams", list(arguments))
    path: list[str] = []
    while isinstance(context.command, click.Group):
        name, command, rest = context.command.resolve_command(context, [*context._protected_args, *context.args])
        assert name is not None
        assert command is not None
        context = command.make_context(name, rest, parent=context)
        path.append(name)
    return tuple(path)


def exit_codes_table() -> str:
    """Return what each command's exit codes tell, as a Markdown table."""
    rows = [f"| `{told}` | {' | '.join(told.codes.get(code, '') for code in range(3))} |" for told in leaves()]
    return "\n".join(["| Command | 0 | 1 | 2 |", "| --- | --- | --- | --- |", *rows]) + "\n"


def leaves() -> list[Told]:
    """Return the commands that do something, in the order of their names."""
    return sorted((told for told in all_told() if not told.is_group), key=str)
