"""Event times: read from three formats, kept in microseconds, written as RFC 3339 with ``Z``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_US = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
"""The year 1 in UTC: an earlier time could be read (its zone may be ahead) and not be written."""

LAST_US = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
"""The end of the year 9999 in UTC: no later time can be written."""

_BEYOND = 10**15
"""More than any time that can be written, whatever it counts, and little enough to be multiplied."""

_is_timestamp = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)", re.ASCII
).fullmatch  # datetime reads more than that: week dates, bare hours, times without zone


def parse_time(text: str) -> int:
    """Return the microseconds since 1970 of ``2020-05-25T21:24:39Z``, ``...39+0000`` or ``...39.000+00:00``.

    Raises ValueError for any other form, without showing it; what is finer than a microsecond is cut.
    """
    if not _is_timestamp(text):
        raise ValueError("expected a date, a time and a zone, such as 2020-05-25T21:24:39Z")
    try:
        past = datetime.fromisoformat(text) - _EPOCH
    except ValueError:
        raise ValueError("no such day, time or zone") from None
    time_us = past.days * 86_400_000_000 + past.seconds * 1_000_000 + past.microseconds
    if time_us < _FIRST_US:
        raise ValueError("before the year 1 in UTC")
    return time_us


def time_of_number(number: float, unit_us: int) -> int:
    """Return the microseconds since 1970 of a number that counts *unit_us* each; ValueError before the year 1."""
    time_us = round(max(-_BEYOND, min(number, _BEYOND)) * unit_us)
    if time_us < _FIRST_US:
        raise ValueError("before the year 1 in UTC")
    return time_us


@lru_cache(maxsize=16_384)
def render_time(time_us: int) -> bytes:
    """Return a time as RFC 3339 in UTC, with milliseconds or microseconds only if it has them."""
    moment = _EPOCH + timedelta(microseconds=time_us)
    if not moment.microsecond:
        precision = "seconds"
    elif moment.microsecond % 1_000 == 0:
        precision = "milliseconds"
    else:
        precision = "microseconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision).encode() + b"Z"
