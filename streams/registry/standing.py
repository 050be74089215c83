"""Which version of a document is in force, who won, and what may be taken away. Pure: records in, an answer out.

Records come in the order of their offsets. Compaction drops only what a later record of the same key replaced, so it
changes none of these answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from streams.groups.entries import Entry
from streams.registry.records import KINDS, Version, convert


class Record(NamedTuple):
    """A record of a document; *value* is None where a release of another shape wrote it."""

    key: str
    order: int
    kind: str
    name: str
    version: int
    value: Version | None


def beginnings() -> tuple[str, ...]:
    """Return what the keys of all documents begin with."""
    return tuple(f"{kind}/" for kind in KINDS)


def record_of(entry: Entry) -> Record | None:
    """Return the document's record that an entry is; None for what is none. Total."""
    parts = entry.key.split("/")
    if len(parts) != 4 or parts[0] not in KINDS or not parts[2].isascii() or not parts[2].isdigit():
        return None
    kind, name, number, _ = parts
    value = convert(entry.value)
    is_whole = value is not None and value.version == int(number)
    return Record(entry.key, entry.order, kind, name, int(number), value if is_whole else None)


def in_force(records: Iterable[Record]) -> Record | None:
    """Return the record of one document that is in force: the highest version, and of that the lowest offset."""
    return min(records, key=lambda record: (-record.version, record.order), default=None)


def winners(records: Iterable[Record]) -> list[Record]:
    """Return the record that counts of each version of one document, oldest version first."""
    first: dict[int, Record] = {}
    for record in sorted(records, key=lambda record: (record.version, record.order)):
        first.setdefault(record.version, record)
    return list(first.values())


def has_won(records: Sequence[Record], key: str) -> bool:
    """Whether the record with this key came to be in force when it was written; it may be superseded since.

    It has lost where the same or a higher version stood before it. Such a one is taken away only after this one is:
    see `superseded`.
    """
    mine = next((record for record in records if record.key == key), None)
    return mine is not None and not any(
        record.version >= mine.version and record.order < mine.order for record in records
    )


def superseded(records: Sequence[Record]) -> list[str]:
    """Return the keys of one document that may be taken away, in the order in which that must be done.

    A late one goes before what it lost against, lest its writer, who is still to look, finds that it has won.
    """
    standing = in_force(records)
    over = [record for record in records if record != standing]
    return [record.key for record in sorted(over, key=lambda record: (record.version, -record.order))]
