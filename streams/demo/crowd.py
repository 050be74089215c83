"""New people, without an end: each brings a profile, enters a segment, and leaves it. Pure: dice are an argument."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from random import Random

import msgspec

from streams.demo.sample import EXITS, PROFILES, QUALIFICATIONS, Record

NAMES = ("ada", "ben", "cleo", "dario", "elif", "finn", "greta", "hugo", "ines", "jan", "kaya", "luca", "mona", "nils")
FEW, MANY = 2, 8
"""So many are in a segment before anyone leaves, and so many at most."""


class Crowd:
    """Says what happens next, one record at a time; *segments* are the ids that people enter."""

    def __init__(self, segments: Sequence[str], dice: Random) -> None:
        self._segments, self._dice = segments, dice
        self._inside: list[tuple[str, str]] = []
        self._entering: tuple[str, str] | None = None
        self._count = 0

    def next(self, now: datetime) -> Record:
        """Return the next record: a profile, then its entry; or, the more are inside, someone's exit."""
        if self._entering is not None:
            who, segment = self._entering
            self._entering = None
            self._inside.append((who, segment))
            return _membership(QUALIFICATIONS, who, segment, "realized", now)
        if self._dice.randrange(FEW, MANY) < len(self._inside):
            who, segment = self._inside.pop(self._dice.randrange(len(self._inside)))
            return _membership(EXITS, who, segment, "exited", now)
        return self._newcomer()

    def _newcomer(self) -> Record:
        name = NAMES[self._count % len(NAMES)]
        self._count += 1
        who = f"{name}-{self._count}"
        self._entering = who, self._dice.choice(self._segments)
        return Record(PROFILES, who, _raw(_profile(name, who)))


def _profile(name: str, who: str) -> dict[str, object]:
    person = {"email": f"{who}@example.com", "name": {"firstName": name.capitalize()}}
    return {"person": person, "identityMap": {"crmid": [{"id": f"B-{who}"}]}}


def _membership(topic: str, who: str, segment: str, status: str, now: datetime) -> Record:
    membership = {"lastQualificationTime": now.isoformat(timespec="milliseconds"), "status": status}
    return Record(topic, who, _raw({"segmentMembership": {"ups": {segment: membership}}}))


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
