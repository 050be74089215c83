"""What is wrong with a configuration: where it stands, what came, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from streams.codes import Mistake, coded

SHOWN = 60
"""How many characters of a wrong value are shown; more would bury the message."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; *where* is ``file:line`` or the name of an environment variable, *code* its line's."""

    where: str
    what: str
    remedy: str
    key: str = ""
    code: str = Mistake.WRONG_VALUE

    @property
    def told(self) -> str:
        """What is wrong and what to do, without where."""
        return ": ".join(part for part in (self.key, f"{self.what}; {self.remedy}") if part)

    def __str__(self) -> str:
        return coded(f"{self.where}: {self.told}" if self.where else self.told, self.code)


def in_order(problems: Iterable[Problem], files: Iterable[str]) -> list[Problem]:
    """Return *problems* as people mend them: file by file, from the first line to the last; those of no file first."""
    order = {name: number for number, name in enumerate(files)}

    def place(problem: Problem) -> tuple[int, int]:
        name, _, line = problem.where.rpartition(":")
        return (order[name], int(line)) if name in order and line.isdigit() else (order.get(problem.where, -1), 0)

    return sorted(problems, key=place)


class Flaw(NamedTuple):
    """What one of our own rules found; *path* is relative to the value that was looked at.

    Without *what*, the value itself is what is wrong, and is shown as it was written.
    """

    what: str
    remedy: str
    path: tuple[str | int, ...] = ()
    code: str = Mistake.WRONG_VALUE


class ConfigurationError(Exception):
    """All that is wrong, at once: one line for each problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(map(str, self.problems)))


def nearest(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that was probably meant, if any is near."""
    by_folded = {other.casefold(): other for other in known}
    close = difflib.get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def suggestion(name: str, known: Sequence[str]) -> str:
    """Return the remedy for an unknown *name*: the nearest known one, or else all of them."""
    close = nearest(name, known)
    return f"did you mean {close!r}?" if close else f"known are {', '.join(known)}"


def shown(value: object) -> str:
    """Return *value* as a message shows it: scalars shortened, of the rest only the kind."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return shortened(repr(value))


def shortened(text: str) -> str:
    """Return the beginning of *text*."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def dotted(path: Iterable[str | int]) -> str:
    """Return a path as people write it: ``inputs.profiles[0].topic``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path).lstrip(".")


def _key(part: str) -> str:
    """Return a key as it is, unless it would spoil the message."""
    return part if part.isprintable() and len(part) <= SHOWN else f"{part[:SHOWN]!r}"
