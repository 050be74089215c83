"""What is wanted of a run, and what it tells on standard error while it goes on: each result, and how far it is."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.bench.figures import Params


@dataclass(frozen=True, slots=True)
class Wanted:
    """The figures that are wanted: by name, and *where* the parameters that they have are these."""

    names: frozenset[str]
    where: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, name: str, params: Params) -> bool:
        """Whether a figure is wanted."""
        return name in self.names and all(
            str(params[key]) == value for key, value in self.where.items() if key in params
        )


class Steps:
    """How far a run of a known number of steps is."""

    def __init__(self, title: str, count: int) -> None:
        self._title, self._count, self._done = title, count, 0
        self._began = time.monotonic()

    def done(self, text: str) -> None:
        """Tell the result of a step."""
        self._done += 1
        seconds = time.monotonic() - self._began
        print(f"  {self._title} {self._done}/{self._count} {seconds:4.0f} s  {text}", file=sys.stderr, flush=True)
