"""Asks, for each profile of which something is due, its own owner to expire it (``streams.activation.expiries``).

Which those are is found by a walk over the table after an assignment, and again in good time; a few in each turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice

import structlog

from streams.activation.due_times import DueTimes, Place
from streams.activation.expiries import expiry, next_due
from streams.activation.outbox import Outbox
from streams.activation.overlay import Overlay
from streams.activation.profiles import due_of
from streams.activation.removals import Removals
from streams.activation.rounds import Row
from streams.engine import Message
from streams.exports import Position
from streams.profile_commands import Expire, encode_command

WALKED_AT_ONCE = 2_000
"""States looked at in one turn."""
ASKED_AT_ONCE = 200
"""Profiles looked at in one turn of those of which something may be due."""
MOST_UNDER_WAY = 5_000
"""Commands of ours that are not yet done: others wait behind them."""
AGAIN_MS = 60_000
"""How long it is waited where an exit that is old enough must stay for now."""


class Expiring:
    """For the partitions of one assignment after the other; *topic* is that of the commands."""

    def __init__(self, profiles: Overlay, removals: Removals, topic: str, now: Callable[[], float]) -> None:
        self._profiles, self._removals, self._topic, self._now = profiles, removals, topic, now
        self._times = DueTimes()
        self._partitions: frozenset[int] = frozenset()
        self._states: Iterator[tuple[int, tuple[bytes, bytes]]] | None = None
        self._under_way: set[Place] = set()

    def assigned(self, partitions: Iterable[int]) -> None:
        """Look for what is due; the table holds all of *partitions*, and no record has come."""
        self.forget()
        self._partitions = frozenset(partitions)

    def forget(self) -> None:
        """Forget everything: the assignment is over."""
        self._times.clear()
        self._under_way.clear()
        self._partitions, self._states = frozenset(), None

    def note(self, partition: int, key: bytes, due_ms: int) -> None:
        """Note from when on something of a profile may be due, as its state says it now."""
        if due_ms < self._times.horizon:
            self._times.note((partition, key), due_ms)

    # The walk.

    @property
    def is_walk_due(self) -> bool:
        """Whether a walk over the table should begin."""
        return self._states is None and self._times.is_walk_due(int(self._now() * 1000))

    @property
    def is_walking(self) -> bool:
        """Whether a walk is under way."""
        return self._states is not None

    def begin(self) -> None:
        """Begin a walk: what is put from now on is noted; what was put before must be on the disk when it is looked."""
        self._times.walk(int(self._now() * 1000))
        table = self._profiles.table
        self._states = ((partition, row) for partition in self._partitions for row in table.walk(partition))

    def walk(self) -> None:
        """Look at the next few states."""
        if self._states is None:
            return
        times, horizon, seen = self._times, self._times.horizon, 0
        for partition, (key, state) in islice(self._states, WALKED_AT_ONCE):
            seen += 1
            due_ms = due_of(state)
            if due_ms is not None and due_ms < horizon and (partition, key) not in self._under_way:
                times.note((partition, key), due_ms)
        if seen < WALKED_AT_ONCE:
            self._states = None

    # What is due.

    def ask(self, outbox: Outbox[Message]) -> int:
        """Ask for some of what is due; return at how many profiles it was looked."""
        now_ms, room = int(self._now() * 1000), MOST_UNDER_WAY - len(self._under_way)
        places = self._times.take(now_ms, min(room, ASKED_AT_ONCE))
        may_drop = self._may_drop()
        for partition, key in places:
            profile = self._profiles.get(partition, key)
            command = expiry(profile, now_ms, partial(may_drop, partition))
            if command is not None:
                self._put((partition, key), command, outbox)
            elif (due_ms := next_due(profile)) is not None:
                self.note(partition, key, due_ms if due_ms > now_ms else now_ms + AGAIN_MS)
        if places:
            outbox.send()
        return len(places)

    def answered(self, partition: int, key: bytes) -> None:
        """Note that a command of a profile was done, or had nothing to do."""
        self._under_way.discard((partition, key))

    def _put(self, place: Place, command: Expire, outbox: Outbox[Message]) -> None:
        partition, key = place
        outbox.put(self._topic, partition, Row(key, encode_command(command), []))
        self._under_way.add(place)
        structlog.get_logger().debug("activation.expire-asked", memberships=len(command.memberships))

    def _may_drop(self) -> Callable[[int, Position], bool]:
        """Return what tells whether no record at a position, or there before it, can be read again."""
        past: dict[int, bool] = {}

        def may_drop(partition: int, position: Position) -> bool:
            if partition not in past:
                past[partition] = self._removals.is_past(partition)
            return past[partition] and self._removals.are_committed(partition, {position.topic: position.offset})

        return may_drop
