"""What is sent in place of a value that must not leave in the clear."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.hashing import hashed_once, hashed_text, hashed_value

EMAIL = "973dfe463ec85785f5f95af5ba3906eedb2d931c24e69824a89ea65dba4e813b"  # test@example.com, by sha256sum
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=2),
    max_leaves=6,
)


def text_of(value: Any) -> bytes:
    return json.dumps(value).encode()


def digits(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ('"test@example.com"', EMAIL),
        ('" Test@Example.COM\\t\\n"', EMAIL),
        ('"\\u0074est@example.com"', EMAIL),
        ('"\\u00a0test@example.com\\u2003"', EMAIL),
        ('"ÄÖÜ-İ"', digits("äöü-i̇")),
        ('"STRASSE ß"', digits("strasse ß")),
        ("4711", digits("4711")),
        ('"4711"', digits("4711")),
        ("-7", digits("-7")),
        ("9" * 4300, digits("9" * 4300)),
        ('["test@example.com", 4711]', [EMAIL, digits("4711")]),
        ('["test@example.com", null, {"a": "b"}, ["c"], true, 1.5, " "]', [EMAIL]),
        ('""', None),
        ('" \\n"', None),
        ("null", None),
        ("true", None),
        ("4711.0", None),
        ("1e3", None),
        ('{"address": "test@example.com"}', None),
        ("[]", None),
        ('[null, ["test@example.com"]]', None),
    ],
)
def test_texts_and_whole_numbers_are_hashed_and_anything_else_is_absent(value: str, sent: Any) -> None:
    found = hashed_value(value.encode())

    assert (None if found is None else json.loads(found)) == sent


@settings(deadline=None)
@given(texts)
def test_a_hash_is_that_of_the_trimmed_lower_cased_text(text: str) -> None:
    plain = text.strip().lower()

    assert hashed_text(text) == (sha256(plain.encode("utf-8")).hexdigest() if plain else None)
    found = hashed_value(text_of(text))
    assert (None if found is None else json.loads(found)) == hashed_text(text)


def _naive(value: Any) -> Any:
    if isinstance(value, list):
        return [hashed for item in value if not isinstance(item, list) and (hashed := _naive(item))] or None
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        plain = str(value).strip().lower()
        return digits(plain) if plain else None
    return None


@settings(deadline=None)
@given(anything)
def test_what_is_sent_is_digits_or_nothing(value: Any) -> None:
    found = hashed_value(text_of(value))

    assert (None if found is None else json.loads(found)) == _naive(value)


@settings(deadline=None)
@given(anything)
def test_what_was_hashed_before_is_not_hashed_once_more(value: Any) -> None:
    once = hashed_value(text_of(value))

    assert once is None or hashed_once(once) == once
    assert hashed_once(text_of(value)) == once
