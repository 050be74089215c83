"""The processes that a test session leaves behind; Linux only, elsewhere none are seen."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

_MARK = f"TEST_SESSION={uuid.uuid4().hex}"
"""In the environment of the session, and so of all its descendants: an orphan has lost its parent, not its mark."""

_TRACKER = "multiprocessing.resource_tracker"
"""Python's own child, which ends with it."""


def mark_descendants() -> None:
    """Let every process that is started from now on be known by ``leftovers``."""
    name, _, value = _MARK.partition("=")
    os.environ[name] = value


def leftovers(parent: int | None = None) -> list[str]:
    """Return pid and command line of *parent*'s living children; without one, of all descendants of this session."""
    this = os.getpid()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        is_child = _parent_of(process) == (this if parent is None else parent)
        if is_child or (parent is None and process.name != str(this) and _is_marked(process)):
            found.append(f"{process.name} {_read(process / 'cmdline').replace(chr(0), ' ').strip()}")
    return [each for each in found if _TRACKER not in each]


def _parent_of(process: Path) -> int | None:
    fields = _read(process / "stat").rpartition(")")[2].split()
    return None if not fields or fields[0] == "Z" else int(fields[1])


def _is_marked(process: Path) -> bool:
    """A process that has ended and is not yet reaped shows no environment."""
    return _MARK in _read(process / "environ").split("\0")


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:  # it ended meanwhile, or is someone else's
        return ""
