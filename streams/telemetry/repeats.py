"""Lets the first few of a repeated message through, then counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Key = tuple[str, str]
"""A logger's name and a message's template: what makes two messages the same."""


class Withheld(NamedTuple):
    """How many of a message were not shown."""

    key: Key
    times: int


@dataclass(slots=True)
class _Window:
    started: float
    seen: int = 0


class Repeats:
    """In each window of *seconds*, the first few of a message are shown; the clock is an argument.

    At most *keep* messages are told apart: the oldest window ends early when there are more.
    """

    def __init__(self, *, first: int = 5, seconds: float = 10.0, keep: int = 256) -> None:
        self._first, self._seconds, self._keep = first, seconds, keep
        self._windows: dict[Key, _Window] = {}

    def admit(self, key: Key, now: float) -> bool:
        """Whether this one is shown; call ``over`` before, so that windows end."""
        window = self._windows.setdefault(key, _Window(now))
        window.seen += 1
        return window.seen <= self._first

    def over(self, now: float) -> list[Withheld]:
        """End the windows whose time is over or that are too many, and return what was not shown in them."""
        beyond = max(0, len(self._windows) - self._keep)
        ended = [
            key
            for place, (key, window) in enumerate(self._windows.items())
            if place < beyond or self._is_over(window, now)
        ]
        return self._end(ended)

    def _is_over(self, window: _Window, now: float) -> bool:
        return not 0 <= now - window.started < self._seconds  # a clock that was set back ends a window too

    def end(self) -> list[Withheld]:
        """End all windows."""
        return self._end(list(self._windows))

    def _end(self, keys: list[Key]) -> list[Withheld]:
        ended = ((key, self._windows.pop(key).seen - self._first) for key in keys)
        return [Withheld(key, times) for key, times in ended if times > 0]
