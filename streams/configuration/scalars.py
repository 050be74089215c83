"""What a scalar of YAML, or JSON, means: a text, a number, true, false or nothing; dates stay text."""

from __future__ import annotations

import math

from streams.secrets import Secret

Scalar = str | int | float | bool | Secret | None
"""A secret stands in no file: it takes the place of what refers to it."""

TAG = "tag:yaml.org,2002:"
"""What the names of YAML's own types begin with."""

_MAX_INTEGER_BITS = 63


def scalar(tag: str, text: str) -> Scalar:
    """Return the value of *text* that has *tag*; raises ValueError, which says what is not taken."""
    match tag.removeprefix(TAG):
        case "str" | "timestamp" | "merge" | "value":
            return whole(text)
        case "null":
            return None
        case "bool":
            return text.lower() in {"true", "yes", "on", "y"}
        case "int":
            return _integer(text)
        case "float":
            return _float(text)
    raise ValueError("a tag")


def whole(text: str) -> str:
    """Join what JSON escapes as two surrogates; a lone one is no character."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeError:
        raise ValueError("half a character (a lone surrogate)") from None


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    try:
        number = int(digits)
    except ValueError:
        number = _prefixed(digits)
    if number.bit_length() > _MAX_INTEGER_BITS:
        raise ValueError("a number of this size")
    return number


def _prefixed(digits: str) -> int:
    try:
        return int(digits, 0)
    except ValueError:
        raise ValueError("a number of this form") from None


def _float(text: str) -> float:
    try:
        number = float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        raise ValueError("a number of this form") from None
    if not math.isfinite(number):
        raise ValueError("a number that is not finite")
    return number
