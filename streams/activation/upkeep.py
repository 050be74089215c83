"""What is done for profiles without a record of theirs: the forgotten are removed, what is owed is exported.

Both are found again after an assignment by the marks that the table keeps, a few profiles in each turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice

import structlog

from streams.activation.answers import Address
from streams.activation.faults import Faults
from streams.activation.followed import Followed
from streams.activation.outbox import Outbox
from streams.activation.overlay import Overlay
from streams.activation.owing import acquit, acquit_unheard
from streams.activation.profiles import Profile, encode_profile, forget_gone
from streams.activation.removals import Removals
from streams.activation.rounds import Round, Row
from streams.activation.rows import export_row
from streams.activation.targets import Trigger
from streams.engine import Message
from streams.exports import MAX_ROW_BYTES, Position

REMOVED_AT_ONCE = 200
"""Profiles removed in one turn; others run between two."""
LOOKED_AT_ONCE = 1_000
"""Marked profiles looked at in one turn."""


class Upkeep:
    """Of the profiles of one assignment after the other; what it does is put in order with all else of a profile."""

    def __init__(
        self,
        profiles: Overlay,
        removals: Removals,
        faults: Faults,
        followed: Callable[[], Followed],
        now: Callable[[], float],
    ) -> None:
        self._profiles, self._removals, self._faults = profiles, removals, faults
        self._followed, self._now = followed, now
        self._partitions: frozenset[int] = frozenset()
        self._walk: Iterator[tuple[int, bytes]] | None = None
        self._is_unknown = False
        """Whether it is unknown what the marked profiles wait for."""
        self._owing: set[str] = set()
        """The topics that something may be owed to."""

    # Assignments.

    def assigned(self, partitions: Iterable[int]) -> None:
        """Look for what waits; the table holds all of *partitions*, and no record has come."""
        self.forget()
        self._partitions, self._is_unknown = frozenset(partitions), True

    def look_again(self) -> None:
        """Look once more at all that waits: other destinations are followed now."""
        self._is_unknown = True

    def forget(self) -> None:
        """Forget everything: the assignment is over."""
        self._removals.clear()
        self._owing.clear()
        self._partitions, self._walk, self._is_unknown = frozenset(), None, False

    # What is owed.

    def owes(self, topic: str) -> None:
        """Note that something is owed to *topic*."""
        self._owing.add(topic)

    @property
    def unsure(self) -> set[str]:
        """The topics that something may be owed to, and that must be asked before it is exported."""
        return {topic for topic in self._owing if not self._faults.is_sound(topic)}

    @property
    def is_looking(self) -> bool:
        """Whether a walk over the marked profiles is under way."""
        return self._walk is not None

    @property
    def is_due(self) -> bool:
        """Whether a walk over the marked profiles should begin.

        What was put before it begins must be confirmed by then: only what is on the disk has marks.
        """
        return self._walk is None and (self._is_unknown or any(map(self._faults.is_sound, self._owing)))

    def look(self, outbox: Outbox[Message]) -> int:
        """Look at the next of the marked profiles, and put what is owed where it is taken; return how many exports."""
        if self._walk is None:
            self._walk = iter([(each, key) for each in self._partitions for key in self._profiles.table.marked(each)])
            self._owing -= {topic for topic in self._owing if self._faults.is_sound(topic)}
            self._is_unknown = False
        now_ms, put, seen = int(self._now() * 1000), 0, 0
        for partition, key in islice(self._walk, LOOKED_AT_ONCE):
            seen += 1
            profile = self._profiles.get(partition, key)
            if profile.forgotten is not None:
                self._removals.found(partition, [key])
            if profile.owed is not None:
                put += self._discharge((partition, key), profile, now_ms, outbox)
            if outbox.full:
                return put
        if seen < LOOKED_AT_ONCE:
            self._walk = None
        return put

    def _discharge(self, place: tuple[int, bytes], profile: Profile, now_ms: int, outbox: Outbox[Message]) -> int:
        followed, put = self._followed(), 0
        for incarnation, position in list((profile.owed or {}).items()):
            topic = followed.exports.get(incarnation)
            if topic is None or incarnation in followed.forbidden:
                continue
            if self._faults.is_sound(topic):
                put += self._export(place, profile, (incarnation, position, topic), now_ms, outbox)
            else:
                self._owing.add(topic)
        if not followed.gone.isdisjoint(profile.owed or ()):
            forget_gone(profile, followed.gone)
            self._write(place, profile, outbox)
        return put

    def _export(
        self,
        place: tuple[int, bytes],
        profile: Profile,
        debt: tuple[str, Position, str],
        now_ms: int,
        outbox: Outbox[Message],
    ) -> int:
        """Put what an incarnation is owed; it remains owed until the broker has confirmed it."""
        (partition, key), (incarnation, position, topic) = place, debt
        step = self._followed().activation.renew(profile, incarnation, Trigger.OWED, position, now_ms)
        rows = [export_row(key, export) for export in step.exports]
        if any(row.size > MAX_ROW_BYTES for row in rows):
            structlog.get_logger().error("activation.owed-too-large", destination=incarnation, source=position.text)
            rows = []
        if not rows:
            acquit(profile, incarnation, position)
        self._write(place, profile, outbox)
        for row in rows:
            outbox.put(topic, partition, row)
        if rows:
            outbox.then(partial(self._discharged, place, (incarnation, position, topic), outbox))
        return len(rows)

    def _discharged(
        self,
        place: tuple[int, bytes],
        debt: tuple[str, Position, str],
        outbox: Outbox[Message],
        written: Round[Message],
    ) -> None:
        """Note that what was owed is exported, unless it was refused once more, or something newer is owed."""
        (partition, key), (incarnation, position, topic) = place, debt
        address: Address = (topic, partition)
        if address in written.refused:
            return
        profile = self._profiles.get(partition, key)
        if acquit(profile, incarnation, position):
            self._write(place, profile, outbox)

    def _write(self, place: tuple[int, bytes], profile: Profile, outbox: Outbox[Message]) -> None:
        partition, key = place
        if profile.is_blank and profile.forgotten is None and profile.owed is None:  # it only was owed something
            outbox.put(self._profiles.table.changelog_topic, partition, Row(key, None, []))
            self._profiles.remove(partition, key, profile.revision)
            outbox.send()
            return
        state = encode_profile(profile)
        outbox.put(self._profiles.table.changelog_topic, partition, Row(key, state, []))
        self._profiles.put(partition, key, profile, state)
        outbox.send()

    # What was forgotten.

    def remove(self, outbox: Outbox[Message]) -> int:
        """Put the removal of forgotten profiles of which no record can be read again; return how many."""
        now_ms, removed = int(self._now() * 1000), 0
        for partition, key in self._removals.due():
            removed += self._remove(partition, key, now_ms, outbox)
            if removed >= REMOVED_AT_ONCE or outbox.full:
                break
        if removed:
            outbox.send()
        return removed

    def _remove(self, partition: int, key: bytes, now_ms: int, outbox: Outbox[Message]) -> bool:
        """Put one removal, in order with all else of the profile, unless it is too early by its state or the clock.

        While something is owed what was forgotten stays: the withdrawal may be what is owed.
        """
        profile = self._profiles.get(partition, key)
        if profile.forgotten is None:
            self._removals.done(partition, key)
            return False
        forget_gone(profile, self._followed().gone)
        acquit_unheard(profile)
        if profile.owed is not None or not self._removals.are_committed(partition, profile.forgotten.seen):
            return False
        if profile.is_blank and profile.revision >= now_ms:  # who comes again must begin above it
            return False
        profile.forgotten = None
        if profile.is_blank:
            outbox.put(self._profiles.table.changelog_topic, partition, Row(key, None, []))
            self._profiles.remove(partition, key, profile.revision)
        else:
            self._write((partition, key), profile, outbox)
        self._removals.done(partition, key)
        return True
