from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.configuration.problems import ConfigurationError, Problem, dotted, nearest, shown


def test_an_error_tells_each_problem_once_in_a_line_of_its_own() -> None:
    one, other = Problem("f:1", "came 1", "expected 2", "a.b"), Problem("f:2", "is wrong", "mend it")

    assert str(ConfigurationError([one, other, one])) == (
        "f:1: a.b: came 1; expected 2 [wrong-value]\nf:2: is wrong; mend it [wrong-value]"
    )


def test_the_nearest_name_is_found_whatever_its_case() -> None:
    assert nearest("httpendpiont", ["name", "httpEndpoint"]) == "httpEndpoint"
    assert nearest("xyz", ["name", "httpEndpoint"]) is None


@given(st.recursive(st.text() | st.integers() | st.none(), st.lists, max_leaves=5))
def test_what_is_shown_is_one_short_line(value: object) -> None:
    assert len(shown(value)) < 70
    assert shown(value).isprintable()


@given(st.lists(st.text() | st.integers(0, 9), max_size=3))
def test_a_path_is_one_line_whatever_its_keys(path: list[str | int]) -> None:
    assert dotted(path).isprintable()
