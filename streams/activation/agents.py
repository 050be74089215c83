"""The loop of activation: decode a record, decide what it changes and sends, put that in the outbox.

Each record's changelog row and exports are put without an await between reading and writing the profile, so no other
record sees half of it. What is not yet confirmed stands in memory, newer than the disk; the disk is written after the
broker confirmed the round, so it is never ahead of the changelog.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from streams.activation.activate import Activation, Rendered, Step
from streams.activation.decoding import Decode
from streams.activation.defects import defect
from streams.activation.events import Change, FragmentChange, Malformed
from streams.activation.outbox import Outbox, Round, Row
from streams.activation.overlay import Overlay, Table
from streams.activation.profiles import encode_profile, forget_gone
from streams.activation.removals import Removals
from streams.delivery.dead_letters import Failure, Stage, dead_letter
from streams.destinations import Destination
from streams.ends import Reason, RecordEnd
from streams.engine import Message
from streams.exports import (
    ID_HEADER,
    MAX_ROW_BYTES,
    META_HEADER,
    Position,
    dead_letters_topic,
    encode_meta,
    exports_topic,
    log_name,
)
from streams.telemetry.telemetry import Telemetry

MAX_STATE_BYTES = 4 * 1024 * 1024
"""What a profile's state may grow to; the record that would make it larger is a dead letter (``state-too-large``)."""

REMOVED_AT_ONCE = 200
"""Profiles removed in one turn; others run between two."""


class Agents:
    """Takes the inputs' records, in order per partition, and settles each exactly once."""

    def __init__(
        self,
        *,
        app: str,
        table: Table,
        destinations: Iterable[Destination],
        activation: Activation,
        telemetry: Telemetry,
        acknowledge: Callable[[Message], object],
        removals: Removals,
        now: Callable[[], float],
        remakings: Callable[[str, int], int] = lambda *_: 0,
        passing: Callable[[str], None] = lambda _: None,
        max_state_bytes: int = MAX_STATE_BYTES,
    ) -> None:
        """*remakings* tells how often a topic's partition began again: its offsets then mean other records.

        *passing* is told each named point between confirmation and acknowledgement: a crash test ends there."""
        self._profiles, self._telemetry = Overlay(table), telemetry
        self._changelog, self._max_state_bytes = table.changelog_topic, max_state_bytes
        self._acknowledge, self._now, self._passing = acknowledge, now, passing
        self._app, self._dead_letters = app, dead_letters_topic(app)
        self._removals, self._remakings = removals, remakings
        self.follow(destinations, activation)

    def follow(self, destinations: Iterable[Destination], activation: Activation, gone: Collection[str] = ()) -> None:
        """Export to *destinations*, which are those of *activation*, from the next record on.

        No state is touched, and no history read again: one that is new is told of what happens from now on. What
        profiles remember of the incarnations that are *gone* for good is dropped when they are written anyway.
        """
        followed = list(destinations)
        self._activation, self._gone = activation, frozenset(gone)
        self._exports = {each.incarnation: exports_topic(self._app, each.incarnation) for each in followed}
        self._considered = {each.incarnation: self._telemetry.activation(each) for each in followed}

    def reader(self, decode: Decode, topic: str, outbox: Outbox[Message]) -> Callable[[Message], None]:
        """Return what takes the records of one input *topic* and puts what follows from them into *outbox*."""
        ended, taken = self._telemetry.input(topic).ended, self._removals.taken(topic)

        def take(message: Message) -> None:
            taken[message.partition] = message.offset
            now_ms = int(self._now() * 1000)
            try:
                change = decode(message, now_ms)
            except Exception as error:
                change = defect("decoding", message, error)
            step = change if isinstance(change, Malformed) else self._apply(change, message, now_ms, outbox)
            if isinstance(step, Malformed):
                self._park(message, step, outbox)
                ended(RecordEnd.MALFORMED, step.reason)
            else:
                ended(step.end, None)
            outbox.settle(message)

        return take

    def _apply(self, change: Change, message: Message, now_ms: int, outbox: Outbox[Message]) -> Step | Malformed:
        """Apply one change and put its rows; nothing is put when it turns out malformed."""
        partition, key = message.partition, message.key
        assert key is not None, "a record without a key is not decoded"
        named = log_name(message.topic, self._remakings(message.topic, partition))
        position = Position(named, partition, message.offset, message.timestamp_ms)
        profile = self._profiles.get(partition, key)
        try:
            step = self._activation.apply(profile, change, position, now_ms)
            forget_gone(profile, self._gone)
            state = encode_profile(profile) if step.written else b""
        except Exception as error:
            self._profiles.restore(partition, key)
            return defect("applying", message, error)
        rows = [(self._exports[export.destination.incarnation], _row(key, export)) for export in step.exports]
        if excess := self._excess(change, key, state, rows):
            self._profiles.restore(partition, key)
            return excess
        if step.written:
            outbox.put(self._changelog, partition, Row(key, state, []))
            self._profiles.put(partition, key, profile, state)
        if profile.forgotten is not None:
            self._removals.note(partition, key)
        for topic, row in rows:
            outbox.put(topic, partition, row)
        for destination, end, exclusion in step.considered:
            self._considered[destination.incarnation].considered(end, exclusion)
        return step

    def _excess(self, change: Change, key: bytes, state: bytes, exports: Sequence[tuple[str, Row]]) -> Malformed | None:
        """Say what is too large of what would follow from a record; a null only takes away, so its state may be."""
        if (len(state) > self._max_state_bytes and not _is_null(change)) or len(key) + len(state) > MAX_ROW_BYTES:
            return Malformed(Reason.STATE_TOO_LARGE, f"the profile's state would be {len(state)} bytes")
        for _, row in exports:
            if row.size > MAX_ROW_BYTES:
                return Malformed(Reason.TOO_LARGE, f"an export of it would be a record of {row.size} bytes")
        return None

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
        """Put one removal, in order with all else of the profile, unless it is too early by its state or the clock."""
        profile = self._profiles.get(partition, key)
        if profile.forgotten is None:
            self._removals.done(partition, key)
            return False
        if not self._removals.are_committed(partition, profile.forgotten.seen):
            return False
        if profile.is_blank and profile.revision >= now_ms:  # who comes again must begin above it
            return False
        profile.forgotten = None
        state = None if profile.is_blank else encode_profile(profile)
        outbox.put(self._changelog, partition, Row(key, state, []))
        if state is None:
            self._profiles.remove(partition, key, profile.revision)
        else:
            self._profiles.put(partition, key, profile, state)
        self._removals.done(partition, key)
        return True

    def _park(self, message: Message, malformed: Malformed, outbox: Outbox[Message]) -> None:
        failure = Failure(stage=Stage.ACTIVATION, reason=malformed.reason, detail=malformed.detail)
        letter = dead_letter(message, failure, connector=self._app)
        outbox.put(self._dead_letters, message.partition, Row(*letter))

    def confirmed(self, written: Round[Message]) -> None:
        """Write the disk and acknowledge the records of a round that the broker has confirmed."""
        self._passing("confirmed")
        for (topic, partition), rows in written.rows.items():
            if topic == self._changelog:
                self._profiles.confirmed(partition, rows, written.last_offsets[topic, partition])
        self._passing("stored")
        for message in written.settled:
            self._acknowledge(message)
        self._passing("acknowledged")

    def assigned(self, partitions: Iterable[int]) -> None:
        """Find what waits for its removal; the table holds all of *partitions*, and no record has come."""
        self._removals.clear()
        for partition in partitions:
            self._removals.found(partition, self._profiles.table.marked(partition))

    def forget(self) -> None:
        """Forget what is unconfirmed: the assignment it belonged to is over, its owner reads the records again."""
        self._profiles.clear()
        self._removals.clear()


def _row(key: bytes, export: Rendered) -> Row:
    headers = [(ID_HEADER, export.id.encode()), (META_HEADER, encode_meta(export.meta))]
    return Row(key, export.body, headers)


def _is_null(change: Change) -> bool:
    return isinstance(change, FragmentChange) and change.fragment is None
