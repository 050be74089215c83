"""Shows on standard error how much is left of what takes long: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from types import TracebackType

import click

SAY_SECONDS = 5.0


class Progress:
    """What is shown from entering to leaving; how much there is at all is what the first call of `left` says."""

    def __init__(self, label: str) -> None:
        self._label, self._said_at = label, float("-inf")
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
        elif count == 0 or time.monotonic() - self._said_at >= SAY_SECONDS:
            self._said_at = time.monotonic()
            click.echo(f"{self._label}: {count} exports left", err=True)
