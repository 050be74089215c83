"""In which state a destination's delivery is, of all that troubles it at a time; told when it changes."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum


class Trouble(IntEnum):
    """What stops delivery, or a part of it; where there are several, the first one is told."""

    CRASHED = 1
    TOPIC = 2
    ENDPOINT = 3
    """Probing goes on with one request at a time."""
    GAP = 4
    """Of some partitions; the others go on."""


class State:
    """A destination's state, told by name and reason: ``faulted`` and why while it has a trouble, else ``activated``.

    Nothing is told before the first trouble, or before the first one is over.
    """

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell
        self._troubles: dict[Trouble, str] = {}
        self._told: tuple[str, str] | None = None

    def has(self, trouble: Trouble) -> bool:
        """Whether the destination has this trouble now."""
        return trouble in self._troubles

    def faulted(self, trouble: Trouble, reason: str) -> None:
        """Note a trouble, or another reason for it."""
        self._troubles[trouble] = reason
        self._say()

    def over(self, *troubles: Trouble) -> None:
        """Note that the destination has none of these troubles."""
        for trouble in troubles:
            self._troubles.pop(trouble, None)
        self._say()

    def _say(self) -> None:
        state = ("faulted", self._troubles[min(self._troubles)]) if self._troubles else ("activated", "")
        if state != self._told:
            self._told = state
            self._tell(*state)
