"""Reads the JSON of a record strictly: what passes is read to the same values by every strict reader after us.

The limits are the project's own: 1 MiB, 64 levels, integers of 4 300 digits (what Python itself still reads), finite
numbers, valid UTF-8 without lone surrogates. Of a key that comes twice the last one counts, as everywhere.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Any, NoReturn

import msgspec

from streams.ends import Reason

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 64
MAX_DIGITS = 4_300

_parse = msgspec.json.Decoder().decode
_strings = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL).sub
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(code for code in range(256) if code not in b"[]{}")


class Unreadable(ValueError):  # noqa: N818 - a state of the record, not a defect
    """A record that cannot be read: why, in a closed word, and in a sentence that shows nothing of its content."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def read_object(value: bytes) -> dict[str, Any]:
    """Return the object that *value* holds; raise Unreadable if it is anything else or beyond a limit."""
    if len(value) > MAX_BYTES:
        raise Unreadable(Reason.TOO_LARGE, f"at most {MAX_BYTES} bytes are read, it has {len(value)}")
    try:
        parsed = _parse(value)
    except (ValueError, RecursionError) as error:
        parsed = _read_slowly(value, error)
    # Brackets bound the depth from above; few records have more of them than levels are allowed.
    if value.count(b"{") + value.count(b"[") > MAX_DEPTH and _is_deep(value):
        raise Unreadable(Reason.TOO_DEEP, f"at most {MAX_DEPTH} levels are read")
    if type(parsed) is not dict:
        raise Unreadable(Reason.NOT_AN_OBJECT, f"expected a JSON object, got {_kind(parsed)}")
    return parsed


def on_one_line(value: bytes) -> bytes:
    """Return JSON without blanks between its parts if it spans lines; every number keeps its spelling."""
    return msgspec.json.format(value, indent=-1) if b"\n" in value or b"\r" in value else value


def _read_slowly(value: bytes, error: Exception) -> Any:
    """Return what the fast reader refused and the standard one takes, or say why it cannot be read."""
    try:
        text = value.decode()
    except UnicodeDecodeError as wrong:
        raise Unreadable(Reason.NOT_UTF8, f"invalid UTF-8 at byte {wrong.start}") from None
    if isinstance(error, RecursionError):
        raise Unreadable(Reason.TOO_DEEP, f"at most {MAX_DEPTH} levels are read") from None
    if not isinstance(error, msgspec.ValidationError):
        raise Unreadable(Reason.INVALID_JSON, str(error)) from None
    # A number that the fast reader does not take: too long, too large, or beyond a limit of its own.
    try:
        return json.loads(text, parse_int=_integer, parse_float=_number, parse_constant=_constant)
    except json.JSONDecodeError as wrong:
        raise Unreadable(Reason.INVALID_JSON, f"{wrong.msg} at character {wrong.pos}") from None
    except RecursionError:
        raise Unreadable(Reason.TOO_DEEP, f"at most {MAX_DEPTH} levels are read") from None


def _integer(text: str) -> int:
    """Return an integer, if Python would read it again."""
    if len(text.lstrip("-")) > MAX_DIGITS:
        raise Unreadable(Reason.NUMBER_TOO_LONG, f"integers have at most {MAX_DIGITS} digits")
    return int(text)


def _number(text: str) -> float:
    """Return a number with a point or an exponent, if it has a value at all."""
    number = float(text)
    if not isfinite(number):
        raise Unreadable(Reason.NUMBER_OUT_OF_RANGE, "a number is beyond what double precision holds")
    return number


def _constant(text: str) -> NoReturn:
    """Refuse NaN and the infinities, which JSON does not have."""
    raise Unreadable(Reason.INVALID_JSON, f"{text} is not JSON")


def _is_deep(value: bytes) -> bool:
    """Say whether valid JSON is deeper than allowed: taking away what is innermost takes away one level."""
    brackets = _strings(b"", value).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def _kind(parsed: object) -> str:
    """Return what JSON calls a value."""
    names = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(parsed), "a number")
