"""What is wrong with a configuration: where it stands, what came, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

SHOWN = 60
"""How many characters of a wrong value are shown; more would bury the message."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; *where* is ``file:line`` or the name of an environment variable."""

    where: str
    what: str
    remedy: str
    key: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.key, f"{self.what}; {self.remedy}") if part)


class ConfigurationError(Exception):
    """All that is wrong, at once: one line for each problem, in the order of the files."""

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
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def dotted(path: Iterable[str | int]) -> str:
    """Return a path as people write it: ``inputs.profiles[0].topic``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path).lstrip(".")


def _key(part: str) -> str:
    """Return a key as it is, unless it would spoil the message."""
    return part if part.isprintable() and len(part) <= SHOWN else f"{part[:SHOWN]!r}"
