"""What leaves activation together: rows for several topics, and the records that they settle."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from streams.activation.answers import Address

Header = tuple[str, bytes]


class Row(msgspec.Struct, frozen=True, gc=False):
    """One record to be written; a None value is a tombstone."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]

    def __repr__(self) -> str:
        return "Row(...)"  # never the data

    @property
    def size(self) -> int:
        """Bytes of key, value and header values."""
        return len(self.key or b"") + len(self.value or b"") + sum([len(value or b"") for _, value in self.headers])


Settled = TypeVar("Settled")


@dataclass(slots=True)
class Round(Generic[Settled]):
    """Rows that leave together, and the records they settle."""

    rows: dict[Address, list[Row]] = field(default_factory=lambda: defaultdict(list))
    settled: list[Settled] = field(default_factory=list)
    last_offsets: dict[Address, int] = field(default_factory=dict)
    refused: dict[Address, list[Row]] = field(default_factory=dict)
    """Those of the rows that were refused for good."""
    then: list[Callable[[Round[Settled]], None]] = field(default_factory=list)
    """What is to be done once it is confirmed."""
    size: int = 0
    """Bytes of the rows."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is confirmed or abandoned."""
