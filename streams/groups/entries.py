"""What the journal writes and reads: births, acceptances, remakings as keys and values of a compacted topic.

A key ends in a random part, so that two writers never replace each other: of the entries with one name, the one at the
lowest offset counts, and compaction cannot change which that is. Names hold topics and groups, none of
which can contain a slash. Documents stand on the same topic, and are kept here for who can read them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

import msgspec

from streams.groups.gaps import Birth, Cause, Gap, Partition, Resume

T = TypeVar("T")
Value = dict[str, Any]


class Entry(NamedTuple):
    """A record that stands: no tombstone was read for its key; one with a lower *order* stands at a lower offset."""

    key: str
    order: int
    value: Value


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An operator's answer to one gap: what caused it, what was committed then, and where to go on."""

    key: str
    """Of its record, for a tombstone."""
    cause: Cause
    committed: int | None
    resume: Resume
    at: int
    """In milliseconds."""

    def answers(self, gap: Gap) -> bool:
        """Whether it was given for this gap, and not for one before it."""
        return (self.cause, self.committed) == (gap.cause, gap.committed)


def birth_name(group: str, partition: Partition) -> str:
    """Return the name of a group's beginning with a partition."""
    return f"birth/{group}/{partition[0]}/{partition[1]}"


def acceptance_name(group: str, partition: Partition) -> str:
    """Return the name of the answers to a partition's gaps."""
    return f"acceptance/{group}/{partition[0]}/{partition[1]}"


def remaking_name(group: str, partition: Partition) -> str:
    """Return the name of the times at which a partition's offsets began again."""
    return f"remaking/{group}/{partition[0]}/{partition[1]}"


def names_of_group(group: str) -> tuple[str, ...]:
    """Return what the names of all that is remembered of a group begin with."""
    return tuple(f"{kind}/{group}/" for kind in ("birth", "acceptance", "remaking"))


def value_of(entry: Birth | Acceptance | int) -> bytes:
    """Return the record's value for a birth, an acceptance, or the time of a remaking."""
    match entry:
        case Birth(offset, end, at):
            value: Value = {"offset": offset, "end": end, "at": at}
        case Acceptance(_, cause, committed, resume, at):
            value = {"cause": cause, "committed": committed, "resume": resume, "at": at}
        case at:
            value = {"at": at}
    return msgspec.json.encode(value)


@dataclass(slots=True)
class Entries:
    """All that the topic holds, by name, each name's entries in the order of their offsets."""

    _named: dict[str, dict[str, dict[str, Entry]]] = field(default_factory=dict)
    """By what names begin with up to their first slash, so that who asks for documents passes no births by."""
    _taken: int = 0

    def read(self, key: bytes | None, value: bytes | None) -> None:
        """Take the next record of the topic; what is no entry of ours, or one that cannot be read, changes nothing."""
        try:
            text = (key or b"").decode()
            decoded = None if value is None else msgspec.json.decode(value, type=Value)
        except (UnicodeDecodeError, msgspec.DecodeError):
            return
        named = self._named.setdefault(_kind(text), {}).setdefault(text.rpartition("/")[0], {})
        named.pop(text, None)  # of one key compaction leaves the last, at its own place
        if decoded is not None:
            self._taken += 1
            named[text] = Entry(text, self._taken, decoded)

    def under(self, beginnings: tuple[str, ...]) -> list[Entry]:
        """Return the entries whose names begin so, in their order; each beginning holds a slash at least."""
        found = [
            entry
            for kind in {*map(_kind, beginnings)}
            for name, named in self._named.get(kind, {}).items()
            if name.startswith(beginnings)
            for entry in named.values()
        ]
        return sorted(found, key=attrgetter("order"))

    def birth(self, group: str, partition: Partition) -> Birth | None:
        """Return the birth that counts."""
        for entry in self._of(birth_name(group, partition)):
            if (birth := _converted(entry.value, Birth)) is not None:
                return birth
        return None

    def acceptances(self, group: str, partition: Partition) -> list[Acceptance]:
        """Return the answers to a partition's gaps, oldest first."""
        named = self._of(acceptance_name(group, partition))
        found = [_converted({"key": entry.key, **entry.value}, Acceptance) for entry in named]
        return [each for each in found if each is not None]

    def remakings(self, group: str, partition: Partition) -> int:
        """Return how often a partition's offsets have begun again."""
        return len(self._of(remaking_name(group, partition)))

    def _of(self, name: str) -> Collection[Entry]:
        return self._named.get(_kind(name), {}).get(name, {}).values()


def _kind(name: str) -> str:
    return name.partition("/")[0]


def _converted(value: Value, kind: type[T]) -> T | None:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None
