"""What a worker may have of a destination's bounds: as much as it has of the partitions. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Share(NamedTuple):
    """So many partitions of all that the topic has."""

    owned: int
    all: int

    def in_flight(self, most: int) -> int:
        """Return how many of *most* requests it may have open: rounded down, so that all shares fit; at least one."""
        return max(1, most * self.owned // self.all)

    def per_second(self, most: float | None) -> float | None:
        """Return how many of *most* requests a second it may begin, be it a fraction; None stays None.

        Who owns nothing begins nothing, and needs no share.
        """
        return None if most is None or not self.owned else most * self.owned / self.all


WHOLE = Share(1, 1)
