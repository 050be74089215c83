"""The documents in force, and the way to change one: by its next version, of which one writer wins."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import cast

from streams.codes import Obstacle, coded
from streams.groups.entries import Entry
from streams.groups.journal import Journal, new_key
from streams.registry.records import GOVERNING, POLICY, Version, encode, name_of
from streams.registry.standing import Record, beginnings, has_won, in_force, record_of, superseded, winners


class RegistryError(Exception):
    """What is asked for cannot be done as things stand; each line says why, what to do, and ends with its code."""


class LostError(RegistryError):
    """Another writer was faster; the text says who, and when. *winner* is what is in force now."""

    def __init__(self, kind: str, name: str, winner: Version) -> None:
        self.kind, self.name, self.winner = kind, name, winner
        at = datetime.fromtimestamp(winner.written_at / 1000, UTC).isoformat(timespec="seconds")
        told = (
            f"{kind} {name}: {winner.by} was faster and wrote version {winner.version} at {at}; nothing of yours is in "
            f"force: see it with 'streams {_shown_by(kind, name)}', and do yours again"
        )
        super().__init__(coded(told, Obstacle.LOST_RACE))


def _shown_by(kind: str, name: str) -> str:
    """Return the command that shows a document."""
    if kind in GOVERNING:
        return f"policies show {name}{'' if kind == POLICY else f' --kind {kind}'}"
    return f"{kind}s show {name}"


class UnreadableError(RegistryError):
    """What is in force was written by a release that this one cannot read, so nothing may replace it from here."""

    def __init__(self, kind: str, name: str, version: int) -> None:
        told = f"{kind} {name} version {version} was written by another release: use that one, or a newer one"
        super().__init__(coded(told, Obstacle.OTHER_RELEASE))


class Registry:
    """The documents on a journal's topic; what is asked is answered from what the started journal has read."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self._known: dict[str, Record] = {}
        """By key, what was read before: a worker looks at all that stands whenever anything changes."""

    async def caught_up(self) -> None:
        """Return when all that was written before the call has been read."""
        await self.journal.caught_up()

    def standing(self, kind: str) -> dict[str, Version]:
        """Return the version in force of each document of *kind* by name, the deleted ones included.

        One that cannot be read is absent, see `unreadable`.
        """
        found = {record.name: record.value for record in self._standing() if record.kind == kind}
        return {name: version for name, version in found.items() if version is not None}

    def unreadable(self, kind: str) -> dict[str, int]:
        """Return the version in force by name where another release wrote it, in a way that this one cannot read."""
        return {each.name: each.version for each in self._standing() if each.kind == kind and each.value is None}

    def in_force(self, kind: str, name: str) -> Version | None:
        """Return the version of a document that is in force, be it a deleted one; raises UnreadableError."""
        record = in_force(self._records(kind, name))
        if record is not None and record.value is None:
            raise UnreadableError(kind, name, record.version)
        return None if record is None else record.value

    def history(self, kind: str, name: str) -> list[Version]:
        """Return the versions of a document that still stand and can be read, oldest first."""
        return [record.value for record in winners(self._records(kind, name)) if record.value is not None]

    async def write(self, kind: str, name: str, version: Version) -> None:
        """Make *version* the one in force; its number follows that of the version that the caller has looked at.

        Raises LostError where another writer was faster: of this one nothing is left then.
        """
        key = new_key(name_of(kind, name, version.version))
        await self.journal.write({key: encode(version)})
        if has_won(self._records(kind, name), key):
            return
        await self.journal.write({key: None})
        raise LostError(kind, name, cast("Version", self.in_force(kind, name)))

    async def tidy(self, kind: str, name: str) -> None:
        """Take away all versions of a document but the one in force; do so when all workers follow that."""
        keys = superseded(self._records(kind, name))
        if keys:
            await self.journal.write(dict.fromkeys(keys))

    def _records(self, kind: str, name: str) -> list[Record]:
        return self._read(f"{kind}/{name}/")

    def _standing(self) -> Iterable[Record]:
        records = sorted(self._read(*beginnings()), key=attrgetter("kind", "name"))
        self._known = {record.key: record for record in records}  # and nothing that was taken away
        for _, of_one in groupby(records, key=attrgetter("kind", "name")):
            if (record := in_force(of_one)) is not None:
                yield record

    def _read(self, *names: str) -> list[Record]:
        found = map(self._record, self.journal.under(*names))
        return [record for record in found if record is not None]

    def _record(self, entry: Entry) -> Record | None:
        known = self._known.get(entry.key)
        if known is not None and known.order == entry.order:
            return known
        record = record_of(entry)
        if record is not None:
            self._known[entry.key] = record
        return record
