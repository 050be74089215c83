from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.configuration.located import MAX_CHARACTERS, Node, lines_of, read
from streams.configuration.problems import Problem
from tests.configurations import uncoded


def found(text: str) -> list[Node]:
    problems: list[Problem] = []
    nodes = read(text, lines_of("f"), problems)
    assert not problems
    return nodes


def wrong(text: str) -> list[str]:
    problems: list[Problem] = []
    read(text, lines_of("f"), problems)
    return uncoded(map(str, problems))


def test_a_value_stands_where_its_key_does() -> None:
    (node,) = found("a:\n  b: 1\n  c:\n    - x\n    - y\n")

    assert [node.at(path).where for path in [("a",), ("a", "b"), ("a", "c"), ("a", "c", 1)]] == [
        "f:1",
        "f:2",
        "f:3",
        "f:5",
    ]


def test_what_is_not_there_stands_where_the_nearest_above_does() -> None:
    (node,) = found("x: 1\na:\n  b: 1\n")

    assert node.at(("a", "zzz", 7)).where == "f:2"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("true", True),
        ("2020-05-25", "2020-05-25"),
        ("010", 10),
        ("0x1f", 31),
        ("0o17", 15),
        ("1_000", 1000),
        ("1.5e3", 1500.0),
        ("~", None),
        ("'7'", "7"),
        ("<<", "<<"),
    ],
)
def test_scalars_are_what_yaml_1_2_says_and_dates_stay_text(text: str, value: object) -> None:
    (node,) = found(f"a: {text}")

    assert node.plain() == {"a": value}


def test_documents_that_are_empty_are_none() -> None:
    assert [node.plain() for node in found("---\n---\na: 1\n---\n# nothing\n")] == [{"a": 1}]


def test_every_duplicate_key_is_told_with_both_lines() -> None:
    assert wrong("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n") == [
        "f:4: the key 'c' is here twice, first at f:3; keep one of the two",
        "f:5: the key 'a' is here twice, first at f:1; keep one of the two",
    ]


def test_an_anchor_is_nothing_even_twice() -> None:
    assert [node.plain() for node in found("a: &x 1\nb: &x 2")] == [{"a": 1, "b": 2}]


@pytest.mark.parametrize("text", ["a: &x 1\nb: *x", "a: &x [1]\nb: [*x, *x]", "&a [*a]"])
def test_aliases_are_refused(text: str) -> None:
    assert any("an alias is not taken" in problem for problem in wrong(text))


@pytest.mark.parametrize("text", ["a: !secret x", "a: !!binary aGk=", "a: !x {b: 1}", "a: !!python/name:os.system"])
def test_tags_are_refused(text: str) -> None:
    assert any("a tag is not taken" in problem for problem in wrong(text))


@pytest.mark.parametrize(
    "text",
    ["[" * 5000, "a: b: c", "\x00", "a: .inf", "a: 99999999999999999999", "{? [x] : 1}", "x" * (MAX_CHARACTERS + 1)],
)
def test_what_cannot_be_read_is_one_problem(text: str) -> None:
    assert len(wrong(text)) == 1


@pytest.mark.parametrize(
    "text", ["s: *canary-17", "s: *canary-17'x\n", "s: !canary-17!x y", 's: "canary-17\n', "canary-17: ]"]
)
def test_the_text_is_never_part_of_a_syntax_message(text: str) -> None:
    (problem,) = wrong(text)

    assert "canary" not in problem


def test_json_surrogates_are_joined_and_a_lone_one_is_refused() -> None:
    (node,) = found('{"a":"\\ud83d\\ude00"}')

    assert node.plain() == {"a": "\U0001f600"}
    assert wrong('{"a":"\\ud83d"}') == [
        "f:1: half a character (a lone surrogate) is not taken; write a plain text or number, text in quotes"
    ]


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcd", min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(plain.filter(lambda value: value is not None))
def test_json_is_read_as_json_reads_it(value: object) -> None:
    (node,) = found(json.dumps(value))

    assert node.plain() == value


yamlish = st.text(st.sampled_from("ab:-[]{},&*!|>'\"%@`#? \n\t~1.\\x\x00\ud800é"), max_size=60)


@given(yamlish | st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    problems: list[Problem] = []
    nodes = read(text, lines_of("f"), problems)

    assert isinstance(nodes, list)
    assert all(problem.where.startswith("f:") for problem in problems)
