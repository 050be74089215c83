"""How an attempt ends: one of four outcomes, each saying what delivery does next."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivered:
    """The endpoint took it: its status line was a 2xx, or one that its document calls so."""

    status: int


@dataclass(frozen=True, slots=True)
class Retryable:
    """Try this record again, in place; *retry_after* is what the endpoint asked for, in seconds."""

    reason: str
    status: int | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The endpoint will never take this record."""

    reason: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class DestinationFault:
    """No record would be taken now: the destination's trouble, not the record's; *retry_after* as of `Retryable`."""

    reason: str
    status: int | None = None
    retry_after: float | None = None


Outcome = Delivered | Retryable | Refused | DestinationFault
