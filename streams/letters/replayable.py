"""Which dead letters can be replayed as they were recorded, and why others cannot. Pure.

Whether one that can be is written is for the owner of its profile to say, who knows what was exported since.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from streams.exports import ID_HEADER, META_HEADER, decode_meta, incarnation_of
from streams.letters.letter import DeadLetter, Stage
from streams.profile_commands import Replay, is_sound
from streams.registry.records import Version


class Hindrance(StrEnum):
    """Why a dead letter is not replayed."""

    NOT_AN_EXPORT = "not-an-export"
    WITHOUT_BYTES = "without-bytes"
    NOT_AS_WRITTEN = "not-as-written"
    DESTINATION_GONE = "destination-gone"
    DESTINATION_DRAINING = "destination-draining"
    NEWER_LETTER = "newer-letter"
    OVERTAKEN = "overtaken"
    """This is the owner's word."""


class Kind(NamedTuple):
    """What is counted together."""

    destination: str | None
    reason: str | None


def replay_of(letter: DeadLetter, app: str, by: str) -> Replay | Hindrance:
    """Return what is asked to replay *letter*; *by* whom."""
    incarnation = incarnation_of(app, letter.source.topic) if letter.source is not None else None
    if letter.stage is not Stage.DELIVERY or incarnation is None:
        return Hindrance.NOT_AN_EXPORT
    if letter.key is None or letter.body is None:
        return Hindrance.WITHOUT_BYTES if letter.omitted is not None else Hindrance.NOT_AS_WRITTEN
    headers = dict(letter.headers)
    try:
        replay = Replay(
            destination=incarnation,
            id=headers[ID_HEADER].decode(),
            meta=decode_meta(headers[META_HEADER]),
            body=msgspec.Raw(letter.body),
            replays=letter.replays + 1,
            letter=str(letter.place),
            by=by,
        )
    except (LookupError, ValueError, AttributeError, RecursionError, msgspec.MsgspecError):
        return Hindrance.NOT_AS_WRITTEN
    return replay if is_sound(replay) else Hindrance.NOT_AS_WRITTEN


class _Entry(NamedTuple):
    """What is held of a letter; the newer of two is the larger."""

    revision: int
    offset: int
    kind: Kind
    incarnation: str
    is_narrowed: bool


class Choice:
    """Of the letters of one partition, those that are replayed: of each profile and destination the newest export.

    *in_force* tells what is in force of a destination by name, None if nothing is. A few dozen bytes of each profile
    are held, and no letter.
    """

    def __init__(self, app: str, by: str, in_force: Callable[[str], Version | None]) -> None:
        self._app, self._by, self._in_force = app, by, in_force
        self._newest: dict[bytes, _Entry] = {}
        """By profile and incarnation."""
        self.hindered: Counter[tuple[Kind, Hindrance]] = Counter()

    def consider(self, letter: DeadLetter) -> None:
        """Take a letter for one of those, if it can be."""
        kind = Kind(letter.destination, letter.reason)
        found = self._entry(letter, kind)
        if isinstance(found, Hindrance):
            self.hindered[kind, found] += 1
            return
        digest = blake2b(found.incarnation.encode() + b"\0" + (letter.key or b""), digest_size=16).digest()
        before = self._newest.setdefault(digest, found)
        if before is not found:
            older, self._newest[digest] = sorted((before, found))
            self.hindered[older.kind, Hindrance.NEWER_LETTER] += 1

    def _entry(self, letter: DeadLetter, kind: Kind) -> _Entry | Hindrance:
        replay = replay_of(letter, self._app, self._by)
        if isinstance(replay, Hindrance):
            return replay
        name, _, number = replay.destination.rpartition(".")
        version = self._in_force(name)
        if version is None or version.life == "deleted" or str(version.number) != number:
            return Hindrance.DESTINATION_GONE
        if version.life == "draining":
            return Hindrance.DESTINATION_DRAINING
        is_narrowed = replay.meta.version < version.min_version
        return _Entry(replay.meta.revision, letter.place.offset, kind, replay.destination, is_narrowed)

    @property
    def offsets(self) -> set[int]:
        """Where those stand that are replayed."""
        return {entry.offset for entry in self._newest.values()}

    @property
    def incarnations(self) -> set[str]:
        """The destinations that they are exports of."""
        return {entry.incarnation for entry in self._newest.values()}

    @property
    def replayable(self) -> Counter[Kind]:
        """How many are replayed."""
        return Counter(entry.kind for entry in self._newest.values())

    @property
    def narrowed(self) -> Counter[str]:
        """By incarnation, how many were rendered before something was taken away from it: they are not posted."""
        return Counter(entry.incarnation for entry in self._newest.values() if entry.is_narrowed)
