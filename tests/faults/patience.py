"""The forms in which an endpoint asks for patience by ``Retry-After``, and how long a polite client waits for each."""

from __future__ import annotations

import re
import time

FORMS = ("2", "1.5", "date+2", "rfc850+2", "asctime+2", "soon", "-5", "1000000000")
"""Seconds, a decimal, the three dates of RFC 9110, garbage, a negative number, and a number of thirty years."""

_DATES = {
    "date": "%a, %d %b %Y %H:%M:%S GMT",
    "rfc850": "%A, %d-%b-%y %H:%M:%S GMT",
    "asctime": "%a %b %e %H:%M:%S %Y",
}
_DATE = re.compile(r"(\w+)\+(\d+)")
_SECONDS = re.compile(r"\d+(\.\d+)?")


def rendered(form: str, now: float) -> tuple[str, float]:
    """Return the header's value at a moment, and how many seconds from then it asks for; 0 where it says none.

    A date has no fractions: it is that of the second in which the time is over, so what it asks for is less.
    """
    if dated := _DATE.fullmatch(form):
        due = int(now) + int(dated[2])
        return time.strftime(_DATES[dated[1]], time.gmtime(due)), due - now
    return form, float(form) if _SECONDS.fullmatch(form) else 0.0
