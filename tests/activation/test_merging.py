from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from streams.activation.merging import merge, merge_each, same_value
from tests.json_texts import values


def naive_merge(lower: Any, higher: Any) -> Any:
    if not (isinstance(lower, dict) and isinstance(higher, dict)):
        return higher
    both = {name: naive_merge(lower[name], higher[name]) for name in lower.keys() & higher.keys()}
    return {name: both[name] if name in both else {**lower, **higher}[name] for name in [*lower, *higher]}


@settings(deadline=None)
@given(values, values)
def test_leaves_of_the_higher_win_and_the_rest_is_kept(lower: Any, higher: Any) -> None:
    merged = merge(json.dumps(lower).encode(), json.dumps(higher).encode())

    assert json.dumps(json.loads(merged), sort_keys=True) == json.dumps(naive_merge(lower, higher), sort_keys=True)


def test_arrays_are_leaves_and_null_is_a_value() -> None:
    assert merge(b'{"a":[1,2],"b":1,"c":{"d":1}}', b'{"a":[3],"b":null,"c":5}') == b'{"a":[3],"b":null,"c":5}'


def test_each_path_has_the_value_of_the_last_fragment_that_has_one() -> None:
    assert merge_each([[b"1", b'{"x":1}', None], [None, b'{"y":2}', None], [b"3", None, None]]) == [
        b"3",
        b'{"x":1,"y":2}',
        None,
    ]


@settings(deadline=None)
@given(values)
def test_the_same_value_in_another_spelling_is_the_same(value: Any) -> None:
    one, other = json.dumps(value).encode(), json.dumps(value, indent=1, ensure_ascii=False).encode()

    assert same_value(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b"1", b"true"),
        (b"1", b'"1"'),
        (b"[1]", b'["1"]'),
        (b"[1]", b"[true]"),
        (b"12.5", b"12.50"),
        (b"[12.5]", b"[12.50]"),
        (b"null", b"{}"),
        (b"{}", b"[]"),
        (b'"a"', b'"b"'),
        (b"null", None),
        (None, b"null"),
        (b"123456789012345678901", b"123456789012345678902"),
        (b"[0.1]", b"[0.1000000000000000055]"),
    ],
)
def test_another_value_is_not_the_same(one: bytes, other: bytes) -> None:
    assert not same_value(one, other)
