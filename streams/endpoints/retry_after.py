"""How long an endpoint asks us to wait: ``Retry-After``, in every form that RFC 9110 section 10.2.3 knows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

_SECONDS = re.compile(r"\d+(\.\d*)?", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>\d{2}):(?P<minute>\d{2}):(?P<second>\d{2})"
_DATES = tuple(
    re.compile(form, re.ASCII)
    for form in (
        rf"[A-Z][a-z]{{2}}, (?P<day>\d{{2}}) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT",  # Sun, 06 Nov 1994 08:49:37 GMT
        rf"[A-Z][a-z]{{5,8}}, (?P<day>\d{{2}})-{_MONTH}-(?P<year>\d{{2}}) {_TIME} GMT",  # RFC 850
        rf"[A-Z][a-z]{{2}} {_MONTH} (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",  # asctime
    )
)


class Asked(NamedTuple):
    """The seconds to wait, None where that is not said, and how many headers were not understood."""

    seconds: float | None = None
    ignored: int = 0


def longest_asked(texts: Iterable[str], *, now: float, cap: float) -> Asked:
    """Return the longest wait that one of an answer's headers asks for; *now* and *cap* as in what follows.

    There should be one at most. Who sends more gets what the most patient reader would give.
    """
    read = [retry_after_seconds(text, now=now, cap=cap) for text in texts]
    understood = [seconds for seconds in read if seconds is not None]
    return Asked(max(understood, default=None), len(read) - len(understood))


def retry_after_seconds(text: str | None, *, now: float, cap: float) -> float | None:
    """Return the seconds to wait, within 0 to *cap*, or None when the header is absent or not understood.

    *now* is the wall clock, in seconds since 1970. A date in the past is 0; decimals of a second are accepted.
    """
    if text is None:
        return None
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), cap)
    date = http_date(text, now=now)
    return None if date is None else min(max(date - now, 0.0), cap)


def http_date(text: str, *, now: float) -> float | None:
    """Return an HTTP-date (RFC 9110 section 5.6.7) as seconds since 1970, or None when it is none."""
    for form in _DATES:
        if match := form.fullmatch(text):
            return _timestamp(match, now)
    return None


def _timestamp(match: re.Match[str], now: float) -> float | None:
    month = _MONTHS.index(match["month"]) + 1
    hour, minute, second = (int(match[part]) for part in ("hour", "minute", "second"))
    try:
        moment = datetime(
            _year(match["year"], now), month, int(match["day"]), hour, minute, min(second, 59), tzinfo=UTC
        )
    except ValueError:
        return None
    return moment.timestamp() + (1.0 if second == 60 else 0.0)


def _year(text: str, now: float) -> int:
    """Read a year; two digits that seem more than 50 years ahead are the latest such year in the past."""
    if len(text) == 4:
        return int(text)
    this_year = datetime.fromtimestamp(now, UTC).year
    year = this_year - this_year % 100 + int(text)
    return year - 100 if year > this_year + 50 else year
