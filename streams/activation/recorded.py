"""Records as a file holds them, for a run without Kafka: one JSON object a line, or an array of them. Pure.

====================  ==================================================================================================
member                what it is
====================  ==================================================================================================
``topic``             the input; where a line has none, the one that its file stands for
``kind``              instead of a topic: ``qualification``, ``exit``, ``membership`` or ``profile``
``key``               the profile id
``value``             the record's value, JSON; null means "forget" on a profile topic
``payload``           instead of it: the value as a text, so that it need be no JSON
``timestamp``         the record's own: milliseconds since 1970, or a text such as ``2020-05-25T21:24:39Z``
``partition``         where the record stands, as far as that matters
``offset``            likewise: the same one again is the same record, read again
``now``               moves the clock; where a line holds nothing else, what is due until then happens
``documents``         applies more documents, or changed ones; a path from the file's folder
====================  ==================================================================================================

What ``kcat -J`` prints is taken as it is (``ts`` and ``payload``; its other members say nothing here).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

from streams.activation.timestamps import parse_time

Kind = Literal["qualification", "exit", "membership", "profile"]

_NULL = b"null"


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One line, as it was written."""

    topic: str | None = None
    kind: Kind | None = None
    key: str | None = None
    value: msgspec.Raw = msgspec.Raw(_NULL)
    payload: str | None = None
    timestamp: int | str | None = None
    ts: int | None = None
    partition: int | None = None
    offset: int | None = None
    now: int | str | None = None
    documents: str | None = None

    def __repr__(self) -> str:
        return "Line(...)"  # never the data

    @property
    def is_record(self) -> bool:
        """Whether it is more than a new time, or documents."""
        is_bare = self.now is None and self.documents is None
        return is_bare or self.topic is not None or self.kind is not None or self.key is not None

    @property
    def lets_time_pass(self) -> bool:
        """Whether it is a new time and nothing else."""
        return not self.is_record and self.documents is None

    @property
    def bytes(self) -> bytes | None:
        """The record's value."""
        if self.payload is not None:
            return self.payload.encode(errors="surrogatepass")
        text = bytes(self.value)
        return None if text == _NULL else text


_line = msgspec.json.Decoder(Line)
_lines = msgspec.json.Decoder(list[Line])


def lines_of(text: bytes) -> Iterator[tuple[int, Line]]:
    """Yield the lines of a file with their numbers, or the items of an array; ValueError says what is wrong."""
    if text.lstrip().startswith(b"["):
        try:
            yield from enumerate(_lines.decode(text), 1)
        except msgspec.MsgspecError as error:
            raise ValueError(f"no array of records: {_why(error)}") from None
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, _line.decode(line)
            except msgspec.MsgspecError as error:
                raise ValueError(f"line {number} is no record: {_why(error)}") from None


def moment(value: int | str) -> int:
    """Return a time in milliseconds; ValueError where a text is none."""
    return value if isinstance(value, int) else parse_time(value) // 1_000


def _why(error: Exception) -> str:
    """Return what msgspec says; it names places and types, no value."""
    return str(error) if isinstance(error, msgspec.ValidationError) else "no JSON"
