"""The processes that a test session leaves behind; Linux only, elsewhere none are seen."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_HELPERS = ("multiprocessing.resource_tracker",)
"""Started and ended by Python itself, at exit."""


def adopt_orphans() -> None:
    """Become the parent of children's orphans, so that ``leftovers`` sees them too."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def leftovers(parent: int | None = None) -> list[str]:
    """Return pid and command line of each living child of *parent*, by default of this process."""
    parent = os.getpid() if parent is None else parent
    children = (each for each in Path("/proc").glob("[0-9]*") if _parent_of(each) == parent)
    found = [f"{each.name} {_command(each)}" for each in children]
    return [each for each in found if not any(helper in each for helper in _HELPERS)]


def _parent_of(process: Path) -> int | None:
    try:
        state, parent = (process / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:  # it ended meanwhile
        return None
    return None if state == "Z" else int(parent)


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text().replace("\0", " ").strip()
    except OSError:
        return "(ended)"
