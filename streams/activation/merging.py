"""Values of several profile fragments become one: per leaf path, arrays being leaves; the later in order wins."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

_spelled = json.JSONDecoder(parse_int=lambda text: (text,), parse_float=lambda text: (text,))
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def merge(lower: bytes, higher: bytes) -> bytes:
    """Return *higher*, or, if both are objects, the object of both in which the leaves of *higher* win."""
    if not (_is_object(lower) and _is_object(higher)):
        return higher
    merged = {name: bytes(value) for name, value in _members(lower).items()}
    for name, raw in _members(higher).items():
        value = bytes(raw)
        merged[name] = merge(merged[name], value) if name in merged else value
    return b"{" + b",".join(msgspec.json.encode(name) + b":" + value for name, value in merged.items()) + b"}"


def merge_each(readings: Sequence[Sequence[bytes | None]]) -> list[bytes | None]:
    """Return one value per path of *readings* (per fragment its values, the one that wins last)."""
    lowest, *others = readings
    merged = list(lowest)
    for reading in others:
        for index, value in enumerate(reading):
            if value is not None:
                below = merged[index]
                merged[index] = value if below is None else merge(below, value)
    return merged


def same_value(one: bytes | None, other: bytes | None) -> bool:
    """Say whether two JSON texts hold the same value; a number spelled otherwise is another value."""
    if one == other:
        return True
    if one is None or other is None or (_is_plain(one) and _is_plain(other)):
        return False
    return bool(parse_spelled(one) == parse_spelled(other))


def parse_spelled(text: bytes) -> Any:
    """Return JSON with each number as its spelling, in a tuple: so ``1`` is neither ``true`` nor ``"1"``."""
    return _spelled.decode(text.decode())


def _is_plain(text: bytes) -> bool:
    """Say whether a text is the only spelling of its value: a scalar without escapes."""
    return text[0] not in b"{[" and b"\\" not in text


def _is_object(text: bytes) -> bool:
    return text.startswith(b"{")
