"""Which revision of a profile was delivered last, so that an older one never follows a newer one."""

from __future__ import annotations

from collections import OrderedDict

from streams.exports import brief

REMEMBERED_PROFILES = 100_000
"""How many profiles are remembered, the most recently delivered ones (design law 4.2)."""


class Revisions:
    """The last delivered revision per profile key."""

    def __init__(self, limit: int = REMEMBERED_PROFILES) -> None:
        self._limit = limit
        self._delivered: OrderedDict[bytes, int] = OrderedDict()  # a plain dict is slow to give up its first key

    def delivered(self, key: bytes, revision: int) -> None:
        """Remember that *revision* of a profile was delivered."""
        delivered, key = self._delivered, brief(key)
        delivered[key] = revision
        delivered.move_to_end(key)
        if len(delivered) > self._limit:
            delivered.popitem(last=False)

    def skipped(self, key: bytes, revision: int) -> None:
        """Remember that *revision* ended before it came here; perhaps another one overtook it then."""
        if not self.overtaken(key, revision):
            self.delivered(key, revision)

    def overtaken(self, key: bytes, revision: int) -> bool:
        """Whether a higher revision of the profile was delivered; the same one may be delivered again."""
        return revision < self._delivered.get(brief(key), revision)
