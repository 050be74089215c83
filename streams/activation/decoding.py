"""Decodes records: bytes become a change of a profile, or a reason why they cannot. How, is chosen once per input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from streams.activation import declared, xdm
from streams.activation.events import (
    Change,
    FragmentChange,
    FragmentPaths,
    Input,
    Kind,
    Malformed,
    MembershipPaths,
)
from streams.activation.framing import unframed
from streams.activation.strict_json import Unreadable
from streams.ends import Reason


class Record(Protocol):
    """What is looked at of a record."""

    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def timestamp_ms(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102


Decode = Callable[[Record, int], Change | Malformed]
"""Returns what a record changes; the second argument is the clock, in milliseconds since 1970.

Total: nothing that comes raises. What is returned always renders to valid JSON.
"""


def decoder(source: Input) -> Decode:
    """Return what decodes the records of one input."""
    read, is_fragment, name = _reader(source), source.kind is Kind.FRAGMENT, source.source

    def decode(record: Record, now_ms: int) -> Change | Malformed:
        value = record.value
        try:
            if not record.key:
                raise Unreadable(Reason.NULL_KEY, "a record's key is the profile id, it has none")
            if value is not None:
                return read(unframed(value), record.timestamp_ms, now_ms)
            if is_fragment:
                return FragmentChange(name, None)
            raise Unreadable(Reason.NULL_VALUE, "a null means something on a profile topic only")
        except Unreadable as error:
            return Malformed(error.reason, error.detail)

    return decode


def _reader(source: Input) -> xdm.Read:
    if isinstance(source.paths, MembershipPaths):
        return declared.memberships(source, source.paths)
    if isinstance(source.paths, FragmentPaths):
        return declared.fragments(source, source.paths)
    return xdm.fragments(source) if source.kind is Kind.FRAGMENT else xdm.memberships(source)
