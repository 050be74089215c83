"""Where a member begins in each partition that it was assigned: found, judged and remembered before it reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from streams.groups.gaps import Birth, Cause, Found, Gap, NewBorn, Partition, Resume, judge
from streams.groups.journal import Journal


class Offsets(Protocol):
    """A group's offsets, as its member reads and writes them; both raise KafkaError."""

    async def found(self, partitions: Collection[Partition]) -> Mapping[Partition, Found]:
        """Return what the broker knows of each partition."""

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit as a member of the group, so that who is one no longer is refused."""


@dataclass(frozen=True, slots=True)
class Starts:
    """For each partition either where it goes on and what its commit carried, or its gap; and its birth, always."""

    at: dict[Partition, int] = field(default_factory=dict)
    metadata: dict[Partition, str] = field(default_factory=dict)
    gaps: dict[Partition, Gap] = field(default_factory=dict)
    births: dict[Partition, Birth] = field(default_factory=dict)


async def stand(
    offsets: Offsets, group: str, partitions: Collection[Partition], journal: Journal, now_ms: int
) -> Starts:
    """Return where a member stands after an assignment, before it reads anything.

    A new-born partition's start is committed first and its birth recorded then. A crash between the two leaves a
    commit without a birth, which is recorded the next time; the other way round it would look like lost offsets.
    """
    await journal.caught_up()
    found = await offsets.found(partitions)
    starts = _judged(found, {each: journal.birth(group, each) for each in partitions})
    unborn = {each: _birth(starts, each, found[each], now_ms) for each in partitions if each not in starts.births}
    fresh = {each: starts.at[each] for each in unborn if found[each].committed is None}
    if fresh:
        await offsets.commit(fresh)
    if unborn:
        await journal.record_births(group, unborn)
    await _settle(group, starts.at, journal)
    starts.births.update(unborn)
    return starts


def _judged(found: Mapping[Partition, Found], births: Mapping[Partition, Birth | None]) -> Starts:
    starts = Starts(births={each: birth for each, birth in births.items() if birth is not None})
    for partition, birth in births.items():
        known = found[partition]
        match judge(known, birth):
            case Gap() as gap:
                starts.gaps[partition] = gap
            case NewBorn():
                starts.at[partition], starts.metadata[partition] = known.beginning, ""
            case offset:
                starts.at[partition], starts.metadata[partition] = offset, known.metadata
    return starts


def _birth(starts: Starts, partition: Partition, found: Found, now_ms: int) -> Birth:
    return Birth(starts.at.get(partition, found.beginning), found.end, now_ms)


async def _settle(group: str, sound: Collection[Partition], journal: Journal) -> None:
    """Take away what was accepted for gaps that are no more: it must not answer a later one unasked."""
    for partition in sound:
        while (left := journal.acceptance(group, partition)) is not None:
            await journal.settle(left)


async def accepted(offsets: Offsets, group: str, partition: Partition, gap: Gap, journal: Journal) -> int | None:
    """Act upon the acceptance of *gap*, if there is one: commit where it says to go on, and return that offset.

    Offsets of a partition that was shortened mean other records now. That is written down first: a crash in between
    leaves the gap, and to say it twice does no harm.
    """
    acceptance = journal.acceptance(group, partition, gap)
    if acceptance is None:
        return None
    found = (await offsets.found([partition]))[partition]
    if gap.cause is Cause.SHORTENED:
        await journal.record_remaking(group, partition, acceptance.at)
    offset = found.beginning if acceptance.resume is Resume.BEGINNING else found.end
    await offsets.commit({partition: offset})
    await _settle(group, [partition], journal)
    return offset
