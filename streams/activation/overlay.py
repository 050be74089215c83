"""The profiles as of the last record taken: what is not yet confirmed, over the table as of the last confirmed round.

Profiles are shared, not copied: who changes one puts it, with its encoding, or restores it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from streams.activation.profiles import Profile, decode_profile
from streams.activation.rounds import Row


class Table(Protocol):
    """The profiles on disk, as of the last confirmed round."""

    changelog_topic: str

    def get(self, partition: int, key: bytes) -> bytes | None:
        """Return a profile's encoded state."""

    def write(self, partition: int, rows: Mapping[bytes, bytes | None], offset: int) -> None:
        """Write confirmed rows, and the changelog offset of the last, at once."""

    def marked(self, partition: int) -> Collection[bytes]:
        """Return the keys of the profiles that something is still to be done for (``is_marked``)."""

    def walk(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield each key and encoded state; what is written while it lasts may be missing, or old."""


class Overlay:
    """Over one *table*, for one assignment after the other."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._unconfirmed: dict[int, dict[bytes, tuple[Profile, bytes | None]]] = defaultdict(dict)
        self._last_removed = 0

    def get(self, partition: int, key: bytes) -> Profile:
        """Return the profile as of the last record taken, confirmed or not."""
        entry = self._unconfirmed[partition].get(key)
        if entry is not None:
            return entry[0]
        return self._decoded(self.table.get(partition, key))

    def look(self, partition: int, key: bytes) -> Profile | None:
        """Return a copy of the profile as of the last record taken; None if nothing is kept of it."""
        entry = self._unconfirmed.get(partition, {}).get(key)
        state = self.table.get(partition, key) if entry is None else entry[1]
        return None if state is None else decode_profile(state)

    def put(self, partition: int, key: bytes, profile: Profile, state: bytes) -> None:
        """Note the profile and its encoding, which goes to the changelog."""
        self._unconfirmed[partition][key] = (profile, state)

    def remove(self, partition: int, key: bytes, revision: int) -> None:
        """Note that the profile is gone; who comes again begins above its *revision*."""
        self._last_removed = max(self._last_removed, revision)
        self._unconfirmed[partition][key] = (self._decoded(None), None)

    def restore(self, partition: int, key: bytes) -> None:
        """Undo what was done to the profile in memory since it was put."""
        entry = self._unconfirmed[partition].get(key)
        if entry is not None:
            self._unconfirmed[partition][key] = (self._decoded(entry[1]), entry[1])

    def confirmed(self, partition: int, rows: Sequence[Row], offset: int) -> None:
        """Write *rows*, which the broker has confirmed, to the table; the last of them stands at *offset*."""
        newest = {row.key: row.value for row in rows if row.key is not None}
        self.table.write(partition, newest, offset)
        unconfirmed = self._unconfirmed[partition]
        for key, value in newest.items():
            entry = unconfirmed.get(key)
            if entry is not None and entry[1] is value:
                del unconfirmed[key]

    def clear(self) -> None:
        """Forget what is unconfirmed: the assignment it belonged to is over, its owner reads the records again."""
        self._unconfirmed.clear()

    def _decoded(self, state: bytes | None) -> Profile:
        """Return a profile; one that was removed does not begin again with a revision from before."""
        return Profile(revision=self._last_removed) if state is None else decode_profile(state)
