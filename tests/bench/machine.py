"""Says what a machine is, in one line, and how busy it is with other things."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

GIBIBYTE = 1024**3


def described() -> str:
    """Return its processors, memory and Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIBIBYTE
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores ({_processor()}), {memory:.0f} GiB, Python {platform.python_version()}"


def busy() -> str:
    """Return a warning where others use the machine, else nothing."""
    load, cores = os.getloadavg()[0], len(os.sched_getaffinity(0))
    return f"the machine is busy (load {load:.1f} on {cores} cores): trust the ratios only" if load > cores / 2 else ""


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1].strip() if found else platform.machine()
