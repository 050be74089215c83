"""Shows on standard error how much is left of what takes long: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from types import TracebackType

import click

SAY_SECONDS = 5.0


class Progress:
    """What is shown from entering to leaving; how much there is at all is what the first call of `left` says.

    *what* is counted. What is over before *say_after_seconds* is worth no line.
    """

    def __init__(self, label: str, what: str = "exports", *, say_after_seconds: float = 0.0) -> None:
        self._label, self._what = label, what
        self._say_at = time.monotonic() + say_after_seconds
        self._is_quiet = say_after_seconds > 0
        self._bar = click.progressbar(length=1, label=label, file=sys.stderr) if sys.stderr.isatty() else None
        self._most = 0

    def __enter__(self) -> Progress:
        if self._bar is not None:
            self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, error, trace)

    def left(self, count: int) -> None:
        """Show that *count* are left."""
        if self._bar is not None:
            self._most = max(self._most, count)
            self._bar.length = max(1, self._most)
            self._bar.update(self._bar.length - count - self._bar.pos)
        elif time.monotonic() >= self._say_at or (count == 0 and not self._is_quiet):
            self._say_at, self._is_quiet = time.monotonic() + SAY_SECONDS, False
            click.echo(f"{self._label}: {count} {self._what} left", err=True)
