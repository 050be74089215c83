"""The loop of activation: decode a record, decide what it changes and sends, put that in the outbox.

Each record's changelog row and exports are put without an await between reading and writing the profile, so no other
record sees half of it. What is not yet confirmed stands in memory, newer than the disk; the disk is written after the
broker confirmed the round, so it is never ahead of the changelog.
"""

from __future__ import annotations

import logging
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from streams.activation.activate import Activation, Rendered, Step
from streams.activation.events import Change, Input, Malformed, decode
from streams.activation.outbox import Outbox, Round, Row
from streams.activation.profiles import Profile, decode_profile, encode_profile
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
)
from streams.telemetry.telemetry import Telemetry

log = logging.getLogger(__name__)

MAX_STATE_BYTES = 4 * 1024 * 1024
"""What a profile's state may grow to; the record that would make it larger is a dead letter (``too-large``)."""


class Table(Protocol):
    """The profiles on disk, as of the last confirmed round."""

    changelog_topic: str

    def get(self, partition: int, key: bytes) -> bytes | None:
        """Return a profile's encoded state."""

    def write(self, partition: int, rows: Mapping[bytes, bytes | None], offset: int) -> None:
        """Write confirmed rows, and the changelog offset of the last, at once."""


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
        now: Callable[[], float],
        passing: Callable[[str], None] = lambda _: None,
        max_state_bytes: int = MAX_STATE_BYTES,
    ) -> None:
        """*passing* is told each named point between confirmation and acknowledgement: a crash test ends there."""
        self._table, self._activation, self._telemetry = table, activation, telemetry
        self._max_state_bytes = max_state_bytes
        self._acknowledge, self._now, self._passing = acknowledge, now, passing
        self._app, self._dead_letters = app, dead_letters_topic(app)
        self._exports = {d.incarnation: exports_topic(app, d.incarnation) for d in destinations}
        self._considered = {d.incarnation: telemetry.activation(d) for d in destinations}
        self._unconfirmed: dict[int, dict[bytes, tuple[Profile, bytes]]] = defaultdict(dict)

    def reader(self, source: Input, topic: str, outbox: Outbox[Message]) -> Callable[[Message], None]:
        """Return what takes the records of one input *topic* and puts what follows from them into *outbox*."""
        ended = self._telemetry.input(topic).ended

        def take(message: Message) -> None:
            now_ms = int(self._now() * 1000)
            change = decode(source, message.key, message.value, now_ms)
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
        assert key is not None, "decode refuses a record without a key"
        position = Position(message.topic, partition, message.offset, message.timestamp_ms)
        profile = self._profile(partition, key)
        try:
            step = self._activation.apply(profile, change, position, now_ms)
            state = encode_profile(profile) if step.written else b""
        except Exception as error:
            # A defect of ours must cost one record, not the stream: its profile goes back to what was before.
            log.error("applying %s failed: %s at %s", position.text, type(error).__name__, _place(error))
            self._restore(partition, key)
            return Malformed(Reason.INTERNAL_ERROR, type(error).__name__)
        if len(state) > self._max_state_bytes:
            self._restore(partition, key)
            return Malformed(Reason.TOO_LARGE, f"the profile's state would be {len(state)} bytes")
        rows = [(self._exports[export.destination.incarnation], _row(key, export)) for export in step.exports]
        if step.written:
            rows.insert(0, (self._table.changelog_topic, Row(key, state, [])))
        if (largest := max([row.size for _, row in rows], default=0)) > MAX_ROW_BYTES:
            self._restore(partition, key)
            return Malformed(Reason.TOO_LARGE, f"what follows from it would be a record of {largest} bytes")
        for topic, row in rows:
            outbox.put(topic, partition, row)
        if step.written:
            self._unconfirmed[partition][key] = (profile, state)
        for destination, end, exclusion in step.considered:
            self._considered[destination.incarnation].considered(end, exclusion)
        return step

    def _profile(self, partition: int, key: bytes) -> Profile:
        """Return the profile as of the last record taken, confirmed or not."""
        entry = self._unconfirmed[partition].get(key)
        if entry is not None:
            return entry[0]
        state = self._table.get(partition, key)
        return Profile() if state is None else decode_profile(state)

    def _restore(self, partition: int, key: bytes) -> None:
        """Undo what a failed record did to the profile in memory."""
        entry = self._unconfirmed[partition].get(key)
        if entry is not None:
            self._unconfirmed[partition][key] = (decode_profile(entry[1]), entry[1])

    def _park(self, message: Message, malformed: Malformed, outbox: Outbox[Message]) -> None:
        failure = Failure(stage=Stage.ACTIVATION, reason=malformed.reason, detail=malformed.detail)
        letter = dead_letter(message, failure, connector=self._app)
        outbox.put(self._dead_letters, message.partition, Row(*letter))

    def confirmed(self, written: Round[Message]) -> None:
        """Write the disk and acknowledge the records of a round that the broker has confirmed."""
        self._passing("confirmed")
        for (topic, partition), rows in written.rows.items():
            if topic == self._table.changelog_topic:
                self._store(partition, rows, written.last_offsets[topic, partition])
        self._passing("stored")
        for message in written.settled:
            self._acknowledge(message)
        self._passing("acknowledged")

    def _store(self, partition: int, rows: Sequence[Row], offset: int) -> None:
        newest = {row.key: row.value for row in rows if row.key is not None}
        self._table.write(partition, newest, offset)
        unconfirmed = self._unconfirmed[partition]
        for key, value in newest.items():
            entry = unconfirmed.get(key)
            if entry is not None and entry[1] is value:
                del unconfirmed[key]

    def forget(self) -> None:
        """Forget what is unconfirmed: the assignment it belonged to is over, its owner reads the records again."""
        self._unconfirmed.clear()


def _row(key: bytes, export: Rendered) -> Row:
    headers = [(ID_HEADER, export.id.encode()), (META_HEADER, encode_meta(export.meta))]
    return Row(key, export.body, headers)


def _place(error: Exception) -> str:
    """Return where an error came from; its own text could hold the record."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
