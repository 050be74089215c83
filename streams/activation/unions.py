"""The union of what a profile's sources say: the value of each mapped path, and the identities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import UNSET, UnsetType

from streams.activation import identities
from streams.activation.merging import merge_each
from streams.activation.paths import Paths
from streams.activation.profiles import Profile, TextSlot
from streams.activation.slots import TextWrite

Merge = Literal["newest", "precedence"]
Values = Sequence[bytes | None]
Slots = Mapping[str, TextSlot]


class Unions:
    """Reads unions by a fixed set of paths, a fixed order of sources and a rule for where fragments differ.

    By *newest* the record with the newest timestamp wins (of one age, the first source), by *precedence* the first
    source. A source that is configured no longer comes after all others.
    """

    def __init__(self, paths: Paths, sources: Sequence[str], merge: Merge) -> None:
        self._paths = paths
        self._ranks = {source: rank for rank, source in reversed(list(enumerate(sources)))}
        self._by_age = merge == "newest"

    def values(self, fragments: Slots) -> Values:
        """Return the values of the paths, in their order."""
        if len(fragments) == 1:  # as mostly: nothing is to be put in order
            (only,) = fragments.values()
            return [None] * len(self._paths.paths) if only.text is None else self._paths.read(only.text)
        texts = [slot.text for slot in self._winning_last(fragments) if slot.text is not None]
        if len(texts) == 1:
            return self._paths.read(texts[0])
        if not texts:
            return [None] * len(self._paths.paths)
        return merge_each([self._paths.read(text) for text in texts])

    def identities(self, slots: Slots) -> bytes | None:
        """Return one identityMap, None if there is no identity."""
        texts = [slots[source].text for source in self._in_order(slots)]
        maps = [text for text in texts if text is not None and text != identities.NONE]
        if not maps:
            return None
        return maps[0] if maps.count(maps[0]) == len(maps) else identities.union(maps)

    def _in_order(self, slots: Slots) -> list[str]:
        if len(slots) < 2:
            return list(slots)
        last = len(self._ranks)
        return sorted(slots, key=lambda source: (self._ranks.get(source, last), source))

    def _winning_last(self, fragments: Slots) -> list[TextSlot]:
        slots = [fragments[source] for source in reversed(self._in_order(fragments))]
        if self._by_age:
            slots.sort(key=lambda slot: slot.position.timestamp)
        return slots


class View:
    """A profile's unions as they are now, each read once at most."""

    __slots__ = ("_identities", "_unions", "_values", "_written", "profile")

    def __init__(self, profile: Profile, unions: Unions, written: TextWrite | None = None) -> None:
        """*written* are the identities that the record wrote by which this is how things are."""
        self.profile, self._unions, self._written = profile, unions, written
        self._values: Values | None = None
        self._identities: bytes | UnsetType | None = UNSET

    @property
    def values(self) -> Values:
        """The values of the paths."""
        if self._values is None:
            self._values = self._unions.values(self.profile.fragments)
        return self._values

    @property
    def identities(self) -> bytes | None:
        """The identityMap; None if there is no identity."""
        if isinstance(self._identities, UnsetType):
            self._identities = self._unions.identities(self.profile.identities)
        return self._identities

    @property
    def identities_before(self) -> bytes | None:
        """The identityMap before the record; that of now where it was there before, and what it replaced is gone."""
        if self._written is None or self._written.repeated:
            return self.identities
        return self._unions.identities(self._written.undone(self.profile.identities))
