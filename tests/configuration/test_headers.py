from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.configuration.documents import load
from streams.configuration.headers import RESERVED, parse
from streams.configuration.problems import ConfigurationError
from streams.configuration.references import References
from tests.configurations import complaints

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
        ("a:é", "header 1 has a value with non-ASCII"),
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


NO_TOKEN = "has a name that is no token"
CONTROL = "has a value with control characters"
FRAMES = "which says how the body is sent"
HOP_BY_HOP = "belongs to one connection (hop-by-hop)"
REFUSED = [
    *(("", "v", NO_TOKEN), ("a b", "v", NO_TOKEN), ("a\tb", "v", NO_TOKEN), ("a/b", "v", NO_TOKEN)),
    *(("(a)", "v", NO_TOKEN), ("[a]", "v", NO_TOKEN), ("a;b", "v", NO_TOKEN), ("a=b", "v", NO_TOKEN)),
    *(("a@b", "v", NO_TOKEN), ('a"b', "v", NO_TOKEN), ("é", "v", NO_TOKEN), ("x-\u2028", "v", NO_TOKEN)),
    *(("a:b", "v", NO_TOKEN), ("a,b", "v", NO_TOKEN), ("a\x00", "v", NO_TOKEN), ("a\r\nhost", "v", NO_TOKEN)),
    *(("a", "b\r\nhost: c", CONTROL), ("a", "b\nc", CONTROL), ("a", "b\rc", CONTROL), ("a", "b\x00", CONTROL)),
    *(("a", "b\tc", CONTROL), ("a", "\x1b[0m", CONTROL), ("a", "b\x7f", CONTROL), ("a", "b\x85", CONTROL)),
    *(("a", "é", "has a value with non-ASCII characters"), ("a", "\u2028", "has a value with non-ASCII characters")),
    *(("Connection", "close", HOP_BY_HOP), ("keep-alive", "timeout=5", HOP_BY_HOP), ("TE", "trailers", HOP_BY_HOP)),
    *(("Trailer", "a", HOP_BY_HOP), ("Upgrade", "h2c", HOP_BY_HOP), ("HTTP2-Settings", "a", HOP_BY_HOP)),
    *(("Proxy-Authorization", "a", HOP_BY_HOP), ("proxy-connection", "close", HOP_BY_HOP)),
    *(("proxy-authenticate", "Basic", HOP_BY_HOP), ("PROXY-anything", "a", HOP_BY_HOP)),
    *(("Content-Length", "0", FRAMES), ("transfer-encoding", "chunked", FRAMES), ("CONTENT-ENCODING", "br", FRAMES)),
    *(("Expect", "100-continue", FRAMES), ("Host", "localhost", "which the URL names")),
    ("idempotency-key", "1", "which the worker sets itself"),
    *(("Authorization", "Basic x", "would replace the OAuth2 token"), ("AUTHORIZATION", "a", "would replace")),
]


def _destination(headers: object) -> str:
    account = {"httpEndpoint": "https://h/", "authEndpoint": "https://t/", "clientID": "c"}
    account["clientSecret"] = "${env:STREAMS_SECRET_X}"
    return json.dumps({"kind": "destination", "name": "a", "account": account, "customHeaders": headers})


def _forms(name: str, value: str) -> Iterator[object]:
    """Yield every way to write a header in a document; in a text, a comma and a colon end a name."""
    yield {"x-a": "b", name: value}
    yield {"x-a": "b", name: {"value": "${env:STREAMS_SECRET_HEADER}", "secret": True}}
    if not {",", ":"} & {*name}:
        yield f"x-a:b,{name}:{value}"


@pytest.mark.parametrize(("name", "value", "told"), REFUSED)
def test_a_header_that_a_document_may_not_set_is_refused_with_the_reason(
    name: str, value: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "d.json"
    references = References({"STREAMS_SECRET_X": "s", "STREAMS_SECRET_HEADER": value}, None)
    for form in _forms(name, value):
        path.write_text(_destination(form))
        (complaint,) = complaints(lambda: load([path], references), tmp_path)

        assert complaint.startswith("d.json:1: customHeaders")
        assert told in complaint
        assert "; " in complaint.partition(told)[2], "what to do"


def test_the_table_holds_every_reserved_name() -> None:
    assert {*RESERVED} <= {name.lower() for name, *_ in REFUSED}


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
