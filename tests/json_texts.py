"""JSON as it may come: valid texts, texts that nearly are, and what a strict reader must think of them."""

from __future__ import annotations

import json
import math
import sys
from typing import Any, NoReturn

from hypothesis import strategies as st

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**30, max_value=10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)

FRAGMENTS = [
    *(b"{", b"}", b"[", b"]", b":", b",", b'"', b"\\", b" ", b"\n", b"\r\n", b"\t", b"\x00", b"\x0c", b"\xa0"),
    *(b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1e-999", b"0e999", b"01", b"1.", b".5", b"-", b"+1"),
    *(b"true", b"null", b"nul", b"'", b"//", b'"a":1,', b',"a":2', b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82"),
    *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"', b"\\ud83d", b"\\u12", b"\xef\xbb\xbf", b'"\\/"'),
    *(b"1" * 310, b"9" * 4_300, b"-" + b"9" * 4_300, b"9" * 4_301, b"1" * 300 + b"e9", b"1" * 310 + b".0"),
    *(b"[" * 64 + b"]" * 64, b'{"x":' * 64 + b"1" + b"}" * 64, b"[" * 1_100, b'"' + b"[{" * 80 + b'"'),
    b"{" + b",".join(b'"k%d":{}' % i for i in range(70)) + b"}",
]


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Draw a JSON object's text, most of the time damaged at a few places."""
    members = draw(st.dictionaries(st.text(max_size=4), values, max_size=4))
    text = json.dumps(members, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))).encode()
    for piece in draw(st.lists(st.sampled_from(FRAGMENTS), max_size=2)):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + piece + text[at + draw(st.integers(0, 2)) :]
    return text


def strictly(text: bytes) -> Any:
    """Return what the standard reader makes of *text*; raise ValueError for what must not be read."""
    value = json.loads(text.decode(), parse_constant=_refuse, parse_float=_finite)
    json.dumps(value, ensure_ascii=False).encode()  # a lone surrogate has no UTF-8
    if depth(text) > 64:
        raise ValueError("too deep")
    return value


def depth(text: bytes) -> int:
    """Return how deep valid JSON is, read byte by byte."""
    level = deepest = 0
    quoted = escaped = False
    for byte in text.decode():
        if quoted:
            quoted, escaped = escaped or byte != '"', byte == "\\" and not escaped
        elif byte == '"':
            quoted = True
        elif byte in "[{":
            level += 1
            deepest = max(deepest, level)
        elif byte in "]}":
            level -= 1
    return deepest


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("no value")
    return number


assert sys.get_int_max_str_digits() == 4_300, "the standard reader's own limit"
