from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.activation.merging import parse_spelled
from streams.activation.strict_json import MAX_BYTES, Unreadable, on_one_line, read_object
from streams.ends import Reason
from tests.json_texts import FRAGMENTS, strictly, texts


def verdict(value: bytes) -> Any:
    try:
        return read_object(value)
    except Unreadable as unreadable:
        return unreadable.reason


@settings(deadline=None)
@given(st.one_of(texts(), st.binary(max_size=40), st.sampled_from(FRAGMENTS)))
@example(b'{"a":' + b"[" * 100_000)
@example(b'{"a":' + b"[" * 1_100 + b"]" * 1_100 + b"}")
def test_what_is_read_is_what_the_standard_reader_reads_and_nothing_else(value: bytes) -> None:
    try:
        wanted = strictly(value)
    except (ValueError, RecursionError):
        wanted = None

    found = verdict(value)

    assert repr(found) == repr(wanted) if isinstance(wanted, dict) else isinstance(found, Reason)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", Reason.INVALID_JSON),
        (b"{", Reason.INVALID_JSON),
        (b'{"a":1}{', Reason.INVALID_JSON),
        (b'\xef\xbb\xbf{"a":1}', Reason.INVALID_JSON),
        (b'{"a":NaN}', Reason.INVALID_JSON),
        (b'{"a":-Infinity}', Reason.INVALID_JSON),
        (b'{"a":"\\ud800"}', Reason.INVALID_JSON),
        (b'{"\\udc00":1}', Reason.INVALID_JSON),
        (b"\x00\x00\x00\x00\x05binary", Reason.INVALID_JSON),
        (b'{"a":"\xff"}', Reason.NOT_UTF8),
        (b'{"\xed\xa0\x80":1}', Reason.NOT_UTF8),
        (b'{"unread":{"deep":["\xc0\x80"]}}', Reason.NOT_UTF8),
        ('{"a":1}'.encode("utf-16"), Reason.NOT_UTF8),
        (b"[]", Reason.NOT_AN_OBJECT),
        (b"null", Reason.NOT_AN_OBJECT),
        (b'"{}"', Reason.NOT_AN_OBJECT),
        (b"1" * 4_300, Reason.NOT_AN_OBJECT),
        (b'{"a":1e999}', Reason.NUMBER_OUT_OF_RANGE),
        (b'{"a":[-1e999]}', Reason.NUMBER_OUT_OF_RANGE),
        (b'{"a":' + b"1" * 310 + b".5}", Reason.NUMBER_OUT_OF_RANGE),
        (b'{"a":' + b"9" * 4_301 + b"}", Reason.NUMBER_TOO_LONG),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", Reason.TOO_DEEP),
        (b'{"a":' * 2_000 + b"1" + b"}" * 2_000, Reason.TOO_DEEP),
        (b'{"a":"' + b"x" * MAX_BYTES + b'"}', Reason.TOO_LARGE),
    ],
    ids=lambda value: value[:24].decode("latin-1") if isinstance(value, bytes) else value,
)
def test_what_cannot_be_read_has_a_reason(value: bytes, reason: Reason) -> None:
    assert verdict(value) is reason


@pytest.mark.parametrize(
    "value",
    [
        b'{"a":' + b"9" * 4_300 + b"}",
        b'{"a":-' + b"9" * 4_300 + b"}",
        b'{"a":' + b"[" * 63 + b"]" * 63 + b"}",
        b'{"a":1e-999}',
        b'{"a":"' + b"[" * 200 + b'"}',
        b'{"a":"\\"' + b"[" * 200 + b'\\\\"}',
        b'{"a":[' + b",".join([b"[]"] * 100) + b"]}",
        b'{"a":"' + b"x" * (MAX_BYTES - 8) + b'"}',
        ' {"\\ud83d\\ude00":"é"} '.encode(),
    ],
    ids=lambda value: value[:24].decode("latin-1"),
)
def test_what_lies_within_the_limits_is_read(value: bytes) -> None:
    assert verdict(value) == json.loads(value)


def test_of_a_key_that_comes_twice_the_last_one_counts() -> None:
    assert read_object(b'{"a":{"b":1},"a":2}') == {"a": 2}


@settings(deadline=None)
@given(texts())
def test_a_text_on_one_line_keeps_its_value_and_its_numbers(value: bytes) -> None:
    if isinstance(verdict(value), Reason):
        return

    line = on_one_line(value)

    assert b"\n" not in line
    assert parse_spelled(line) == parse_spelled(value)


def test_a_long_number_before_a_fault_is_a_fault() -> None:
    for digits in (310, 4_300, 4_301):
        assert isinstance(verdict(b'{"a":-' + b"9" * digits + b'}"'), Reason)
        assert isinstance(verdict(b'{"a":-' + b"9" * digits + b".0," + b"[" * 1_100), Reason)
