"""Whether refusals have become a storm: so many, of the last attempts, that they are the destination's trouble.

A bad deploy answers 404 or 400 to whatever it is sent; without this a whole backlog would end as dead letters.
"""

from __future__ import annotations

WINDOW = 50
"""So many attempts are looked at, the last ones."""
LIMIT = 25
"""So many refusals among them are a storm (design law 4.6); so at most as many, less one, were dead letters."""

_MASK = (1 << WINDOW) - 1


class Storm:
    """Remembers which of the last attempts were refused."""

    __slots__ = ("_refused",)

    def __init__(self) -> None:
        self._refused = 0  # a bit per attempt, the last one lowest

    def passed(self) -> None:
        """Note an attempt that was not refused."""
        if self._refused:
            self._refused = self._refused << 1 & _MASK

    def refused(self) -> bool:
        """Note an attempt that was refused; whether it makes a storm."""
        self._refused = (self._refused << 1 | 1) & _MASK
        return self._refused.bit_count() >= LIMIT

    def forget(self) -> None:
        """Begin anew: the destination takes exports again."""
        self._refused = 0
