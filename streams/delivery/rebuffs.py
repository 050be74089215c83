"""Whether an answer that blames the destination is only the record's: others are delivered, its profile is not.

A 401, 403 or 410 says that nothing would be taken now, and mostly that is so: credentials have expired, a firewall has
stepped in. But some endpoints say it of one body. What tells them apart is a delivery of *another* profile in between:
a profile that was rebuffed, then another was delivered, then it is rebuffed again, is refused for itself. Nobody is
refused by the first answer of that kind: when an outage is over, whoever had met it first is simply delivered.
"""

from __future__ import annotations

REMEMBERED_PROFILES = 1_000


class Rebuffs:
    """The profiles that got such an answer and were not delivered since."""

    __slots__ = ("_at", "_is_proven", "_limit", "_since_delivery", "_suspect")

    def __init__(self, limit: int = REMEMBERED_PROFILES) -> None:
        self._limit = limit
        self._at: dict[bytes, int] = {}  # profile -> how many exports had been delivered by then
        self._since_delivery: set[bytes] = set()
        self._suspect: bytes | None = None
        self._is_proven = False

    @property
    def is_selective(self) -> bool:
        """Whether the endpoint seems to say it of single records: then one such answer is no fault yet."""
        return self._is_proven or self._suspect is not None

    @property
    def since_delivery(self) -> int:
        """How many different profiles were rebuffed since the last delivery, as far as they are remembered."""
        return len(self._since_delivery)

    def delivered(self, key: bytes) -> None:
        """Note that a profile was delivered."""
        if self._at:
            self._at.pop(key, None)
            self._since_delivery.clear()
            if key == self._suspect:
                self._suspect = None

    def probed(self, key: bytes) -> None:
        """Note that a probe was delivered at fault: if one profile met it alone, that one is suspected."""
        if len(self._since_delivery) == 1 and key not in self._since_delivery:
            (self._suspect,) = self._since_delivery
        self.delivered(key)

    def rebuffed(self, key: bytes, deliveries: int) -> bool:
        """Note such an answer, when *deliveries* exports had been delivered; whether it is the profile's alone."""
        before = self._at.get(key)
        if before is not None and before < deliveries:  # its own delivery would have been noted
            self._is_proven = True
            return True
        self._at.setdefault(key, deliveries)
        if len(self._since_delivery) < self._limit:
            self._since_delivery.add(key)
        if len(self._at) > self._limit:
            del self._at[next(iter(self._at))]
        return False
