"""Which refused exports wait because their destination is at fault, and which of them an operator lets end."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the endpoint said last of an export."""

    detail: str
    status: int | None
    attempts: int


Place = tuple[int, int]
"""Partition and offset."""


class Refusals:
    """By where they stand in the topic, since a new version of the document fetches them again."""

    def __init__(self) -> None:
        self._waiting: dict[Place, Refusal] = {}
        self._accepted: dict[Place, Refusal] = {}

    def __bool__(self) -> bool:
        """Return whether anything is known of any export."""
        return bool(self._waiting or self._accepted)

    def waits(self, place: Place, refusal: Refusal) -> None:
        """Note that an export was refused and waits."""
        self._waiting[place] = refusal

    def ended(self, place: Place) -> None:
        """Note that an export has ended, or was not refused the next time."""
        self._waiting.pop(place, None)
        self._accepted.pop(place, None)

    def accept(self) -> int:
        """Let those that wait now end as dead letters when they are met next; return how many."""
        count = len(self._waiting)
        self._accepted |= self._waiting
        self._waiting.clear()
        return count

    def accepted(self, place: Place) -> Refusal | None:
        """Return why an export is to end, if it is."""
        return self._accepted.get(place)

    def keep(self, partitions: Container[int]) -> None:
        """Forget those of other partitions: another worker finds out by itself."""
        for places in (self._waiting, self._accepted):
            for place in [each for each in places if each[0] not in partitions]:
                del places[place]
