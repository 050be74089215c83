from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.configuration.headers import RESERVED, parse
from streams.configuration.problems import ConfigurationError

TOKEN = "!#$%&'*+-.^_`|~09AZaz"


def compose(headers: list[tuple[str, str]]) -> str:
    """Return the text that ``parse`` must read as *headers*."""
    return ",".join(f"{name}:{value}" for name, value in headers)


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("header1:value1,header2:value2", [("header1", "value1"), ("header2", "value2")]),
        (" x-a : b c ,\tx-d:e:f ", [("x-a", "b c"), ("x-d", "e:f")]),
        ("x-empty:", [("x-empty", "")]),
        ("Content-Type:application/vnd.api+json", [("Content-Type", "application/vnd.api+json")]),
        ("", []),
        ("  ", []),
    ],
)
def test_commas_separate_and_the_first_colon_ends_the_name(text: str, headers: list[tuple[str, str]]) -> None:
    assert parse(text, "w") == headers


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a:b,", "header 2 is no name:value"),
        ("a", "header 1 is no name:value"),
        ("a:x, y", "header 2 is no name:value"),
        (":v", "header 1 has a name that is no token"),
        ("a b:v", "header 1 has a name that is no token"),
        ("a:b\r\nx-injected: 1", "header 1 has a value with control"),
        ("a:é", "header 1 has a value with control or non-ASCII"),
        ("a:b,A:c", "the header A is here twice"),
        ("a:" + "v" * 8193, "header 1 has a value of 8193 characters"),
        (",".join(f"h{n}:v" for n in range(101)), "101 headers are here"),
    ],
)
def test_what_is_no_header_is_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "f:3")

    assert str(caught.value).startswith(f"f:3: {told}")
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("name", [*sorted(RESERVED), "HOST", "Proxy-Authorization", "proxy-connection"])
def test_what_frames_a_request_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="frames the request or is set by the worker"):
        parse(f"{name}:1", "w")


def test_everything_wrong_is_told_at_once_and_no_value_is() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse("host:canary,x,y z:canary,a:1,a:canary\x01", "w")

    assert len(caught.value.problems) == 4
    assert "canary" not in str(caught.value)


@given(st.text(max_size=80) | st.text(f"{TOKEN}:, \t\r\n\x7fé", max_size=40))
def test_any_text_is_headers_or_refused(text: str) -> None:
    try:
        headers = parse(text, "w")
    except ConfigurationError:
        return
    assert parse(compose(headers), "w") == headers


names = st.text(TOKEN, min_size=1, max_size=12).filter(lambda name: name.lower() not in RESERVED)
values = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters=","), max_size=20).map(str.strip)


@given(st.lists(st.tuples(names, values), max_size=6, unique_by=lambda header: header[0].lower()))
def test_headers_come_back_as_they_were_composed(headers: list[tuple[str, str]]) -> None:
    assert parse(compose(headers), "w") == headers
