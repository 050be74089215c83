"""Whether a partition's state on disk may be believed: it must be ours, whole, young, and agree with its changelog.

Pure. A state that is wrong brings back the dead: a key that was removed elsewhere stays, once compaction has dropped
the tombstone that told of it. So whatever is in doubt is set aside and built anew from the changelog.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum

import msgspec


class Doubt(StrEnum):
    """Why a state is not believed; also the end of its directory's new name."""

    CORRUPT = "corrupt"
    FOREIGN = "foreign"
    STALE = "stale"
    AHEAD = "ahead"
    BEHIND = "behind"
    CHANGED = "changed"


class DistrustedError(Exception):
    """A state must not be used; *why* is one word for it, the text says what was found."""

    def __init__(self, why: Doubt, text: str) -> None:
        super().__init__(text)
        self.why = why
        self.partition = -1
        """Whose state; filled in by who knows the number."""


class LockedError(Exception):
    """Another process holds the directory."""


class UnusableError(Exception):
    """The state directory cannot be written or read, for want of space or rights: nothing is wrong with the state."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose state it is; *cluster* is None where a broker has no name for itself."""

    app: str
    changelog: str
    partition: int
    cluster: str | None = None

    def encode(self) -> bytes:
        """Return the record that a directory holds."""
        return msgspec.json.encode(self)

    def check(self, record: bytes | None) -> None:
        """Raise DistrustedError where a directory's *record* contradicts; one without a record may be ours."""
        if record is None:
            return
        try:
            found = msgspec.json.decode(record, type=Origin)
        except msgspec.MsgspecError:
            raise DistrustedError(Doubt.FOREIGN, "it does not say in a known way whose it is") from None
        others = [each.name for each in fields(self) if _differs(getattr(found, each.name), getattr(self, each.name))]
        if others:
            told = ", ".join(f"{name} {getattr(found, name)}, not {getattr(self, name)}" for name in others)
            raise DistrustedError(Doubt.FOREIGN, f"it is of {told}")


def _differs(found: object, ours: object) -> bool:
    return found is not None and ours is not None and found != ours


def check_age(used: float, now: float, retention: float) -> None:
    """Raise DistrustedError unless a state was in use less than half of *retention* s ago, the tombstones' time.

    The other half is for reading what came meanwhile. A time of use that lies ahead says as little as one long ago.
    """
    if abs(now - used) > retention / 2:
        raise DistrustedError(
            Doubt.STALE,
            f"it was last in use {now - used:.0f} s ago, and tombstones are kept for {retention:.0f} s: what was "
            "removed meanwhile may be in it still",
        )


def check_offsets(offset: int | None, beginning: int, end: int) -> None:
    """Raise DistrustedError unless the changelog holds all that a state which ends with *offset* lacks."""
    if offset is None:
        return
    if offset + 1 > end:
        raise DistrustedError(
            Doubt.AHEAD,
            f"it is complete up to offset {offset + 1} and its changelog ends at {end}: the topic was made anew, or "
            f"the brokers have lost its last {offset + 1 - end} offsets, which only this directory still holds",
        )
    if offset + 1 < beginning:
        raise DistrustedError(
            Doubt.BEHIND,
            f"it is complete up to offset {offset + 1} and its changelog begins at {beginning}: what stood between is "
            "gone unread",
        )


_LOCKED = ("lock hold by current process", "While lock file")
_DAMAGED = ("Corruption", "Invalid argument", "IO error: No such file or directory")
_WITHOUT_MEANS = (
    *("No space left on device", "Disk quota exceeded", "File too large", "Read-only file system"),
    *("Permission denied", "Operation not permitted", "Too many open files", "Input/output error"),
    "Cannot allocate memory",
)


def judged(error: Exception) -> Exception:
    """Return what an *error* of RocksDB means, which it says in its text only; itself if that is not known."""
    text = str(error)
    if any(words in text for words in _LOCKED):
        return LockedError(text)
    if words := next((words for words in _WITHOUT_MEANS if words in text), None):
        return UnusableError(words)
    if text.startswith(_DAMAGED):
        return DistrustedError(Doubt.CORRUPT, f"it is damaged: {text.splitlines()[0]}")
    return error
