"""What happens, as the rows of a table: a record that was sent, what it made the worker export, what was answered.

Each row is put together from what is seen apart: by the sender, on Kafka, by the endpoint, in the worker's figures; in
whatever order that comes. Pure: the times are arguments.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from streams.ends import RecordEnd

EARLY = 100
"""How many answers, and dead letters, are kept of what has not been seen yet: topics are read side by side."""


@dataclass(frozen=True, slots=True)
class Exported:
    """An export as it stands on its topic; *source* and *position* are ``topic-partition-offset``."""

    id: str
    position: str
    source: str
    destination: str
    profile: str
    trigger: str


@dataclass(slots=True)
class Sending:
    """An export, and what the endpoint answered so far."""

    exported: Exported
    statuses: list[int] = field(default_factory=list)
    reason: str = ""
    """Why it is a dead letter."""

    @property
    def is_over(self) -> bool:
        """Whether no more requests are made for it."""
        return bool(self.reason) or any(200 <= status < 300 for status in self.statuses)


@dataclass(slots=True, eq=False)
class Row:
    """A record on the left, what followed from it on the right; a *note* is a line of its own, told by nobody."""

    at: datetime
    who: str = ""
    what: str = ""
    note: str = ""
    source: str = ""
    end: RecordEnd | None = None
    why: str = ""
    sendings: list[Sending] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to come."""
        if self.note:
            return True
        if self.sendings:
            return all(sending.is_over for sending in self.sendings)
        return self.end is not None and self.end is not RecordEnd.ACTIVATED


class Board:
    """The rows that are not put away yet, oldest first."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._sources: dict[str, Row] = {}
        self._exports: dict[str, tuple[Row, Sending]] = {}
        self._positions: dict[str, str] = {}
        self._early: dict[str, list[int]] = {}
        self._early_reasons: dict[str, str] = {}

    def note(self, text: str, at: datetime) -> None:
        """Add a line that tells what is done to the whole."""
        self.rows.append(Row(at, note=text))

    def sent(self, source: str, *, who: str, what: str, at: datetime) -> None:
        """Add a record that stands on Kafka at *source*."""
        row = self._row(source, at)
        row.at, row.who, row.what = at, who, what
        if reason := self._early_reasons.pop(source, ""):
            self.ended(source, RecordEnd.MALFORMED, reason)

    def ended(self, source: str, end: RecordEnd, why: str = "") -> None:
        """Say how a record ended."""
        if row := self._sources.get(source):
            row.end, row.why = end, why or row.why

    def exported(self, export: Exported, at: datetime) -> None:
        """Add an export to its record; one of a record that nobody here has sent gets a row of its own."""
        row = self._row(export.source, at)
        row.who, row.what = row.who or export.profile, row.what or export.trigger
        row.end = RecordEnd.ACTIVATED
        reason = self._early_reasons.pop(export.position, "")
        sending = Sending(export, self._early.pop(export.id, []), reason)
        row.sendings.append(sending)
        self._exports[export.id] = row, sending
        self._positions[export.position] = export.id

    def answered(self, export_id: str, status: int, at: datetime) -> None:
        """Note what a request was answered."""
        found = self._exports.get(export_id)
        if found is None:
            self._early.setdefault(export_id, []).append(status)
            _bound(self._early)
            return
        found[1].statuses.append(status)
        self._shown_again(export_id, at)

    def parked(self, position: str, reason: str, at: datetime) -> None:
        """Note a dead letter of what stands at *position*: a record that could not be read, or an export."""
        if export_id := self._positions.get(position):
            self._exports[export_id][1].reason = reason
            self._shown_again(export_id, at)
        elif position in self._sources:
            self.ended(position, RecordEnd.MALFORMED, reason)
        else:
            self._early_reasons[position] = reason
            _bound(self._early_reasons)

    def take(self) -> Iterator[Row]:
        """Put away, and return, the oldest rows as far as nothing more is to come to any."""
        while self.rows and self.rows[0].is_over:
            yield self._put_away(self.rows[0])

    def take_over(self) -> Iterator[Row]:
        """Put away, and return, all rows to which nothing more is to come."""
        for row in [row for row in self.rows if row.is_over]:
            yield self._put_away(row)

    def take_oldest(self, keep: int) -> Iterator[Row]:
        """Put away, and return, what is more than *keep* rows; what an export still gets makes it a new row."""
        while len(self.rows) > keep:
            yield self._put_away(self.rows[0])

    def _row(self, source: str, at: datetime) -> Row:
        row = self._sources.get(source)
        if row is None:
            row = self._sources[source] = Row(at, source=source)
            self.rows.append(row)
        return row

    def _shown_again(self, export_id: str, at: datetime) -> None:
        """Add a row for what goes on in one that is put away."""
        row, sending = self._exports[export_id]
        if row in self.rows:
            return
        again = Row(at, row.who, f"(of {row.at:%H:%M:%S})", end=row.end, sendings=[sending])
        self.rows.append(again)
        self._exports[export_id] = again, sending

    def _put_away(self, row: Row) -> Row:
        """Take *row* out; what is over is forgotten, so that a long run needs no more memory."""
        self.rows.remove(row)
        self._sources.pop(row.source, None)
        for sending in row.sendings:
            if sending.is_over:
                self._exports.pop(sending.exported.id, None)
                self._positions.pop(sending.exported.position, None)
        return row


def _bound(early: dict[str, Any]) -> None:
    """Forget the oldest of what came early, so that what never comes needs no more memory."""
    while len(early) > EARLY:
        del early[next(iter(early))]
