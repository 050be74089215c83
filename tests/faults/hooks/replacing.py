"""Replace what a class or a module has, loudly when it is not there: a measure that was renamed is not switched off."""

from __future__ import annotations

from typing import Any


def replaced(owner: Any, name: str, new: Any) -> Any:
    """Put *new* in the place of *owner*'s own *name*; return what was there."""
    if name not in vars(owner):
        raise AttributeError(f"{owner.__name__} has no {name} of its own: this measure has moved")
    old = vars(owner)[name]
    setattr(owner, name, new)
    return old
