"""In which state a destination's delivery is, by its document and of all that troubles it; told when it changes."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from streams.destinations import Destination, Pause


class Trouble(IntEnum):
    """What stops delivery, or a part of it; where there are several, the first one is told."""

    CRASHED = 1
    TOPIC = 2
    ENDPOINT = 3
    """Probing goes on with one request at a time."""
    GAP = 4
    """Of some partitions; the others go on."""


class State:
    """A destination's state, told by name, reason and details for people.

    ``forbidden`` by policies, and how that comes; ``paused`` by whom and why; ``faulted`` and why while it has a
    trouble, also where it is held and could not go on; else ``draining``, ``configured`` (it has no segment) or
    ``activated``. Nothing is told before the first trouble, or before the first one is over.
    """

    def __init__(self, tell: Callable[[str, str, str], None], destination: Destination) -> None:
        self._tell, self._destination = tell, destination
        self._troubles: dict[Trouble, str] = {}
        self._told: tuple[str, str, str] | None = None

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

    def follow(self, destination: Destination) -> None:
        """Note what another version of the document says, now that it is in force."""
        self._destination = destination
        if self._told is not None or destination.is_held:
            self._say()

    def _say(self) -> None:
        state = self._now()
        if state != self._told:
            self._told = state
            self._tell(*state)

    def _now(self) -> tuple[str, str, str]:
        worst, destination = min(self._troubles, default=None), self._destination
        if destination.forbidden is not None and worst is not Trouble.CRASHED:
            return "forbidden", "policy", destination.forbidden
        if destination.pause is not None and (worst is None or worst > Trouble.TOPIC):
            return "paused", "operator", _told(destination.pause)
        if worst is not None:
            return "faulted", self._troubles[worst], ""
        if destination.is_draining:
            return "draining", "", ""
        return "activated" if destination.segments else "configured", "", ""


def _told(pause: Pause) -> str:
    return f"by {pause.by}: {pause.why}" if pause.why else f"by {pause.by}"
