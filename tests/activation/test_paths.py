from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.activation.paths import Path, Paths

NAMES = ["a", "b", "é", "", "a.b", "%b", 'q"', "back\\slash", "line\nfeed"]
leaves: st.SearchStrategy[Any] = st.sampled_from([None, True, 5, "x", [], [{"a": 1}], {}])
documents = st.dictionaries(
    st.sampled_from(NAMES),
    st.recursive(leaves, lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=3), max_leaves=8),
    max_size=4,
)
paths = st.lists(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(tuple), max_size=5)


def naively(document: Any, path: Path) -> Any:
    for name in path:
        if not isinstance(document, dict) or name not in document:
            return None
        document = document[name]
    return json.dumps(document)


@settings(deadline=None)
@given(documents, paths)
@example({"a": {"b": {"a": 1}}}, [("a",), ("a", "b"), ("a", "b", "a"), ("b",)])
@example({"a": None, "b": {"a": None}}, [("a", "b"), ("b", "a", "b"), ("b", "b")])
def test_each_path_reads_what_walking_it_finds(document: dict[str, Any], wanted: list[Path]) -> None:
    compiled = Paths(wanted)

    for ensure_ascii in (True, False):
        found = compiled.read(json.dumps(document, ensure_ascii=ensure_ascii).encode())

        assert sorted(compiled.paths) == sorted(set(wanted))
        assert [None if text is None else json.dumps(json.loads(text)) for text in found] == [
            naively(document, path) for path in compiled.paths
        ]


def test_a_value_keeps_its_spelling() -> None:
    document = b'{"a": {"b": 12.50, "c": [ 1e2 ]}, "d": 123456789012345678901234567890}'

    assert Paths([("a", "b"), ("a", "c"), ("d",)]).read(document) == [
        b"12.50",
        b"[ 1e2 ]",
        b"123456789012345678901234567890",
    ]


def test_of_a_key_that_comes_twice_the_last_one_is_read() -> None:
    assert Paths([("a", "b"), ("a", "c")]).read(b'{"a":{"b":1},"a":5,"a":{"c":2}}') == [None, b"2"]
    assert Paths([("a", "b"), ("a", "c")]).read(b'{"a":{"b":1},"a":{"c":2}}') == [None, b"2"]
    assert Paths([("a", "b")]).read(b'{"a":{"b":1},"a":null}') == [None]


def test_a_path_names_something() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Paths([("a",), ()])


def test_no_path_reads_nothing() -> None:
    assert Paths([]).read(msgspec.json.encode({"a": 1})) == []
