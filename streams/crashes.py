"""How an unexpected error is told: what it is and where it came from; its text only where that can hold no record."""

from __future__ import annotations

import traceback

CODE = "crashed"
"""As a destination's reason is called, too."""

FRAMES = 20
"""How many places of a traceback are told, the innermost ones."""

_VOUCHED = frozenset({"streams", "aiokafka"})
"""Whose errors are about topics, files and offsets; those of the system are, too."""


def place(error: BaseException) -> str:
    """Return where an error came from, as ``file.py:line``."""
    return _places(error)[-1].partition(" ")[0]


def told(error: BaseException) -> dict[str, object]:
    """Return the fields of the line that tells of *error*; *traceback* has its places, the innermost last."""
    fields: dict[str, object] = {"code": CODE, "error": type(error).__name__, "at": place(error)}
    if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _VOUCHED:
        fields["why"] = str(error)
    return {**fields, "traceback": _places(error)}


def _places(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return [f"{each.filename.rpartition('/')[2]}:{each.lineno} {each.name}" for each in frames] or ["unknown"]
