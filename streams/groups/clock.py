"""The clock of a lease: it counts the time in which the machine is suspended."""

from __future__ import annotations

import time

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def suspended() -> float:
    """Return seconds since some moment, suspended time included where the system has such a clock (Linux)."""
    return time.clock_gettime(_CLOCK)
