"""Which exports topics refuse what is written to them, and when each is asked again. Pure: the clock is an argument."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

FIRST_SECONDS, LONGEST_SECONDS = 1.0, 60.0
"""How long it is waited before a topic is asked again; twice as long each time."""


@dataclass(slots=True)
class Fault:
    """Why a topic refuses, and when it is asked again."""

    reason: str
    ask_at: float
    wait: float


class Faults:
    """By topic; *now* is a monotonic clock, in seconds.

    A topic is sound once it was asked and did not refuse. Only then is exported to it what is owed.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._refusing: dict[str, Fault] = {}
        self._sound: dict[str, tuple[float, float]] = {}
        """When each was found sound, and how long it had been waited for that."""

    def __contains__(self, topic: str) -> bool:
        return topic in self._refusing

    def __len__(self) -> int:
        return len(self._refusing)

    @property
    def reasons(self) -> dict[str, str]:
        """Why each topic refuses that does."""
        return {topic: fault.reason for topic, fault in self._refusing.items()}

    def refused(self, topic: str, reason: str) -> None:
        """Note that a topic refuses; one that had only just been found sound is asked less often."""
        now, before = self._now(), self._refusing.get(topic)
        found_at, wait = self._sound.pop(topic, (float("-inf"), 0.0))
        if before is not None:
            wait = before.wait
        elif now - found_at > LONGEST_SECONDS:
            wait = 0.0
        wait = min(2 * wait or FIRST_SECONDS, LONGEST_SECONDS)
        self._refusing[topic] = Fault(reason, now + wait, wait)

    def accepted(self, topic: str) -> None:
        """Note that a topic does not refuse, as far as one can know without writing to it."""
        fault = self._refusing.pop(topic, None)
        self._sound[topic] = (self._now(), 0.0 if fault is None else fault.wait)

    def is_sound(self, topic: str) -> bool:
        """Whether a topic was asked and did not refuse since."""
        return topic in self._sound

    def due(self, wanted: Collection[str]) -> Iterator[str]:
        """Yield the topics that should be asked now: those that refuse, and of the *wanted* those never asked."""
        now = self._now()
        yield from [topic for topic, fault in self._refusing.items() if fault.ask_at <= now]
        yield from [topic for topic in wanted if topic not in self._sound and topic not in self._refusing]

    def keep(self, topics: Collection[str]) -> None:
        """Forget all other topics: their destinations are gone."""
        for known in (self._refusing, self._sound):
            for topic in [each for each in known if each not in topics]:
                del known[topic]
