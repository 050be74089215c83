"""The loop of activation: decode a record, decide what it changes and sends, put that in the outbox.

Each record's changelog row and exports are put without an await between reading and writing the profile, so no other
record sees half of it. What is not yet confirmed stands in memory, newer than the disk; the disk is written after the
broker confirmed the round, so it is never ahead of the changelog. What an exports topic refuses for good, or a policy
forbids, is noted in the profile's state as owed; the records of the round are acknowledged once that is confirmed too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from streams.activation.activate import Activation
from streams.activation.decoding import Decode, Record
from streams.activation.defects import defect
from streams.activation.events import Malformed
from streams.activation.expiring import Expiring
from streams.activation.faults import Faults
from streams.activation.followed import followed
from streams.activation.limits import MAX_STATE_BYTES, excess_of
from streams.activation.outbox import Outbox
from streams.activation.overlay import Overlay, Table
from streams.activation.owing import owe, postpone, told_of, untell
from streams.activation.profiles import Profile, encode_profile, forget_gone
from streams.activation.removals import Removals
from streams.activation.rendering import Step
from streams.activation.rounds import Round, Row
from streams.activation.rows import export_row, source_of_row
from streams.activation.upkeep import Upkeep
from streams.delivery.dead_letters import Failure, Stage, dead_letter
from streams.destinations import Destination
from streams.ends import Exclusion, Reason, RecordEnd
from streams.engine import Message
from streams.exports import Position, dead_letters_topic, log_name
from streams.profile_commands import commands_topic
from streams.telemetry.telemetry import Telemetry

Apply = Callable[[Profile, Any, Position, int], Step]
"""Applies what a record was decoded to; the last arguments are where it stands and the clock, in milliseconds."""


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
        faults: Faults,
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
        self._removals, self._remakings, self._faults = removals, remakings, faults
        self.followed = followed(app, destinations, activation, telemetry)
        self.upkeep = Upkeep(self._profiles, removals, faults, lambda: self.followed, now)
        self.expiring = Expiring(self._profiles, removals, commands_topic(app), now)

    def follow(self, destinations: Iterable[Destination], activation: Activation, gone: Collection[str] = ()) -> None:
        """Export to *destinations*, which are those of *activation*, from the next record on.

        No state is touched, and no history read again: one that is new is told of what happens from now on. What
        profiles remember of the incarnations that are *gone* for good is dropped when they are written anyway.
        """
        self.followed = followed(self._app, destinations, activation, self._telemetry, gone)
        self._faults.keep(self.followed.incarnations)
        self.upkeep.look_again()

    def look(self, partition: int, key: bytes) -> Profile | None:
        """Return a copy of a profile as of the last record taken; None if nothing is known of it."""
        return self._profiles.look(partition, key)

    def reader(self, decode: Decode, topic: str, outbox: Outbox[Message]) -> Callable[[Message], None]:
        """Return what takes the records of one input *topic* and puts what follows from them into *outbox*."""
        ended, taken = self._telemetry.input(topic).ended, self._removals.taken(topic)

        def take(message: Message) -> None:
            taken[message.partition] = message.offset
            now_ms = int(self._now() * 1000)
            change = self.decoded(decode, message, now_ms)
            ended(*self.applied(change, self.followed.activation.apply, message, now_ms, outbox))

        return take

    def decoded(self, decode: Callable[[Record, int], Any], message: Message, now_ms: int) -> Any:
        """Return what *decode* makes of a record; a defect costs that record."""
        try:
            return decode(message, now_ms)
        except Exception as error:
            return defect("decoding", message, error)

    def applied(
        self, change: Any, apply: Apply, message: Message, now_ms: int, outbox: Outbox[Message]
    ) -> tuple[RecordEnd, Reason | None]:
        """Apply what a record was decoded to, settle the record, and return how it ended."""
        step = change if isinstance(change, Malformed) else self._apply(change, apply, message, now_ms, outbox)
        if isinstance(step, Malformed):
            self._park(message, step, outbox)
        outbox.settle(message)
        return (RecordEnd.MALFORMED, step.reason) if isinstance(step, Malformed) else (step.end, None)

    def _apply(
        self, change: Any, apply: Apply, message: Message, now_ms: int, outbox: Outbox[Message]
    ) -> Step | Malformed:
        """Apply one change and put its rows; nothing is put when it turns out malformed."""
        partition, key = message.partition, message.key
        assert key is not None, "a record without a key is not decoded"
        named = log_name(message.topic, self._remakings(message.topic, partition))
        position = Position(named, partition, message.offset, message.timestamp_ms)
        profile, exports = self._profiles.get(partition, key), self.followed.exports
        forbidden = self.followed.forbidden
        told = told_of(profile, forbidden) if forbidden else {}
        try:
            step = apply(profile, change, position, now_ms)
            if self._faults or forbidden:
                postpone(step, profile, position, self.prevents)
                untell(profile, forbidden, told)
            forget_gone(profile, self.followed.gone)
            state = _state(profile, step)
        except Exception as error:
            self._profiles.restore(partition, key)
            return defect("applying", message, error)
        rows = [(exports[export.destination.incarnation], export_row(key, export)) for export in step.exports]
        if excess := excess_of(change, key, state, rows, self._max_state_bytes):
            self._profiles.restore(partition, key)
            return excess
        self._put(partition, key, profile, step, state, rows, outbox)
        return step

    def prevents(self, incarnation: str) -> Exclusion | None:
        """Return why nothing may be exported to an incarnation now."""
        if incarnation in self.followed.forbidden:
            return Exclusion.POLICY
        return Exclusion.OWED if self.followed.exports[incarnation] in self._faults else None

    def _put(
        self,
        partition: int,
        key: bytes,
        profile: Profile,
        step: Step,
        state: bytes | None,
        rows: Sequence[tuple[str, Row]],
        outbox: Outbox[Message],
    ) -> None:
        if step.written:
            outbox.put(self._changelog, partition, Row(key, state, []))
            if state is None:
                self._profiles.remove(partition, key, profile.revision)
            else:
                self._profiles.put(partition, key, profile, state)
        if step.ended or step.dropped:
            self._telemetry.expired(step.ended, step.dropped)
        if profile.due is not None:
            self.expiring.note(partition, key, profile.due)
        if profile.forgotten is not None:
            self._removals.note(partition, key)
        if profile.owed is not None:
            self._note_owed(profile)
        for topic, row in rows:
            outbox.put(topic, partition, row)
        for destination, end, exclusion in step.considered:
            self.followed.considered[destination.incarnation].considered(end, exclusion)

    def _note_owed(self, profile: Profile) -> None:
        for incarnation in profile.owed or ():
            topic = self.followed.exports.get(incarnation)
            if topic is not None and incarnation not in self.followed.forbidden:
                self.upkeep.owes(topic)

    def _park(self, message: Message, malformed: Malformed, outbox: Outbox[Message]) -> None:
        failure = Failure(stage=Stage.ACTIVATION, reason=malformed.reason, detail=malformed.detail)
        letter = dead_letter(message, failure, connector=self._app)
        outbox.put(self._dead_letters, message.partition, Row(*letter))

    def confirmed(self, written: Round[Message], outbox: Outbox[Message]) -> None:
        """Write the disk and acknowledge the records of a round that the broker has confirmed.

        Where exports of it were refused, its records are put off to the next round, which says what is owed.
        """
        self._passing("confirmed")
        for (topic, partition), rows in written.rows.items():
            if topic == self._changelog:
                self._profiles.confirmed(partition, rows, written.last_offsets[topic, partition])
        self._passing("stored")
        for callback in written.then:
            callback(written)
        if written.refused:
            self._owe(written, outbox)
            return
        for message in written.settled:
            self._acknowledge(message)
        self._passing("acknowledged")

    def _owe(self, written: Round[Message], outbox: Outbox[Message]) -> None:
        """Put what the profiles owe by what was refused; an incarnation that is gone is owed nothing."""
        owing: dict[tuple[int, bytes], Profile] = {}
        for (topic, partition), rows in written.refused.items():
            incarnation = self.followed.incarnations.get(topic)
            if incarnation is None:
                continue
            for row in rows:
                assert row.key is not None, "exports have a key"
                profile = owing[partition, row.key] = self._profiles.get(partition, row.key)
                owe(profile, incarnation, source_of_row(row))
        for (partition, key), profile in owing.items():
            state = encode_profile(profile)
            outbox.put(self._changelog, partition, Row(key, state, []))
            self._profiles.put(partition, key, profile, state)
            self._note_owed(profile)
        for message in written.settled:
            outbox.settle(message)
        outbox.send()

    def assigned(self, partitions: Iterable[int]) -> None:
        """Look for what waits; the table holds all of *partitions*, and no record has come."""
        self.upkeep.assigned(partitions)
        self.expiring.assigned(partitions)

    def forget(self) -> None:
        """Forget what is unconfirmed: the assignment it belonged to is over, its owner reads the records again."""
        self._profiles.clear()
        self.upkeep.forget()
        self.expiring.forget()


def _state(profile: Profile, step: Step) -> bytes | None:
    """Return what a step leaves of a profile, encoded; None if it was the last that was known of it."""
    if step.dropped and profile.is_blank and profile.forgotten is None and profile.owed is None:
        return None
    return encode_profile(profile) if step.written else b""
