"""Where a member goes on in a partition, or why it must not: offsets never reset by themselves (design law 4.8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Partition = tuple[str, int]
"""A topic and a partition number."""


@dataclass(frozen=True, slots=True)
class Birth:
    """When a group began with a partition: read from *offset* on; *end* was its end then, *at* in milliseconds."""

    offset: int
    end: int
    at: int


@dataclass(frozen=True, slots=True)
class Found:
    """What the broker knows of a group and a partition; *committed* is None when nothing is."""

    committed: int | None
    beginning: int
    end: int
    metadata: str = ""
    """What the commit carries beside its offset."""


class Cause(StrEnum):
    """Why a partition must not be read on."""

    RETENTION = "retention"
    """Records between the committed offset and the beginning are gone."""
    OFFSETS_LOST = "offsets-lost"
    """Nothing is committed although the group had begun: what has been done, and what not, is unknown."""
    SHORTENED = "shortened"
    """The partition ends below the committed offset: the topic was made anew, or the broker lost data."""


class Resume(StrEnum):
    """Where a partition with a gap goes on once the gap is accepted."""

    BEGINNING = "beginning"
    """At the oldest record that is there: nothing more is lost, and some may be handled again."""
    END = "end"
    """At the end: what is there is skipped."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A partition that stands still until an operator accepts what is missing; *gone* is None when it is unknown."""

    cause: Cause
    committed: int | None
    beginning: int
    end: int

    @property
    def gone(self) -> int | None:
        """How many offsets are gone."""
        if self.cause is not Cause.RETENTION or self.committed is None:
            return None
        return self.beginning - self.committed


class NewBorn:
    """The group has never had this partition: it begins at the partition's beginning."""


NEW_BORN = NewBorn()


def judge(found: Found, birth: Birth | None) -> int | NewBorn | Gap:
    """Return the offset at which to go on, that the group is new to the partition, or the gap that forbids both."""
    if found.committed is None:
        return NEW_BORN if birth is None else _gap(Cause.OFFSETS_LOST, found)
    if found.committed < found.beginning:
        return _gap(Cause.RETENTION, found)
    if found.committed > found.end:
        return _gap(Cause.SHORTENED, found)
    return found.committed


def _gap(cause: Cause, found: Found) -> Gap:
    return Gap(cause, found.committed, found.beginning, found.end)
