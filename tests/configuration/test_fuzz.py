"""Whatever stands in a file of documents, or in a text of headers, is taken or told; nothing breaks, nothing leaks.

``--hypothesis-show-statistics`` prints how many were tried, and how many of them were taken and told.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from streams.configuration import headers
from streams.configuration.documents import examine
from streams.configuration.headers import RESERVED
from streams.configuration.problems import ConfigurationError, Problem
from streams.configuration.references import References

CANARY = "canary-6c21"
DOCUMENT = b"""\
kind: destination
name: crm
account:
  httpEndpoint: https://api.example.com/v1
  authEndpoint: https://login.example.com/token
  clientID: 9f1c
  clientSecret: ${env:STREAMS_SECRET_X}
customHeaders: {x-key: {value: "${env:STREAMS_SECRET_X}", secret: true}, x-tenant: north}
segments: [readers, {id: "7", namespace: aam, name: Seven}]
attributes: [person.email, {source: personalEmail.address, target: contact.email, mandatory: true}]
delivery: {maxInFlight: 8, retry: {maxElapsedSeconds: 90}}
---
kind: account
name: partner
httpEndpoint: https://partner.example/?a=b
"""
FUZZING = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""So that the four together take some seconds."""


def tried(path: Path, content: bytes) -> None:
    """Examine *content*; what must hold of any is asserted."""
    path.write_bytes(content)
    found = examine([path], References({"STREAMS_SECRET_X": CANARY, "KAFKA_PASSWORD": CANARY}, None))

    lines = max(1, content.count(b"\n") + content.count(b"\r") + 1)
    for problem in (*found.errors, *found.objections, *found.warnings):
        name, _, line = problem.where.rpartition(":")
        assert problem.where == str(path) or (name == str(path) and 1 <= int(line) <= lines + 1)
        assert problem.what
        assert problem.remedy
        assert str(problem).isprintable(), "one line, which steers no terminal"
        assert len(str(problem)) < len(str(path)) * 2 + 600
    assert CANARY not in f"{found.errors}{found.warnings}{found.destinations}{found.accounts}"
    for each in found.destinations:
        "".join((each.description, *(segment.id for segment in each.segments))).encode()  # no half character
    event("taken" if not found.errors else "told")


RULES: list[Any] = [
    {
        "kind": "policy",
        "name": "no-c2",
        "marketingActions": ["Own Use"],
        "deny": {"operator": "OR", "operands": ["C2", {"operator": "AND", "operands": ["C3", {"label": "I1"}]}]},
        "status": "enabled",
    },
    {"kind": "policy", "name": "core-analytics", "status": "enabled"},
    {
        "kind": "labels",
        "name": "ours",
        "attributes": {"b": ["C2"], "a.z": "I1"},
        "sources": {"crm": ["C3"]},
        "segments": {"a": ["C9"], "c:b": "C2"},
        "identities": {"email": ["I1"]},
    },
    {
        "kind": "schema",
        "name": "union",
        "paths": ["a.z", {"path": "q", "labels": ["C2"]}],
        "jsonSchema": {
            "properties": {"b": {"$ref": "#/definitions/b"}, "m": {"type": "object"}},
            "definitions": {"b": {"allOf": [{"properties": {"c": {"labels": ["C9"]}}}]}},
        },
    },
]

ALPHABET = st.sampled_from([bytes([c]) for c in b"ab:-[]{},&*!|>'\"%@`#?\n\t ~1.\\\r\x00\x1b\xff\xe2\x80\xa8$"])
SNIPPETS = st.sampled_from(
    [
        b"${env:KAFKA_PASSWORD}",
        b"<<: *a",
        b"&a ",
        b"!!python ",
        b"\n---\n",
        b"9e5",
        b"yes",
        b"null",
        b"[[",
        b"\xef\xbb\xbf",
    ]
)
edits = st.lists(
    st.tuples(st.integers(0, len(DOCUMENT)), st.integers(0, 12), ALPHABET | SNIPPETS | st.binary(max_size=3)),
    min_size=1,
    max_size=4,
)


@FUZZING
@given(edits=edits)
def test_a_document_with_slips_of_the_pen_is_taken_or_told(edits: list[tuple[int, int, bytes]], tmp_path: Path) -> None:
    content = DOCUMENT
    for position, removed, added in edits:
        content = content[:position] + added + content[position + removed :]

    tried(tmp_path / "d.yaml", content)


@FUZZING
@given(content=st.binary(max_size=120) | st.lists(ALPHABET | SNIPPETS, max_size=40).map(b"".join))
@example(content=b'"\\U00110000"')
@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_any_bytes_are_taken_or_told(suffix: str, content: bytes, tmp_path: Path) -> None:
    tried(tmp_path / f"d.{suffix}", content)


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(below for key, item in items for below in _paths(item, (*path, key)))]


RIGHT = {
    "kind": "destination",
    "name": "crm",
    "account": {
        "httpEndpoint": "https://h/",
        "authEndpoint": "https://t/",
        "clientID": "c",
        "clientSecret": "${env:STREAMS_SECRET_X}",
    },
    "customHeaders": {"x": "y", "z": {"value": "${env:STREAMS_SECRET_X}", "secret": True}},
    "segments": ["a", {"id": "b", "namespace": "c"}],
    "attributes": ["a", {"source": "b.c", "target": "d"}],
    "marketingActions": ["Own Use", "Analytics"],
    "delivery": {"maxInFlight": 8, "retry": {"capSeconds": 5}},
    "since": "now",
    "description": "x",
}
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["${env:STREAMS_SECRET_X}", "${env:KAFKA_PASSWORD}", "https://h/", "a.b", "\u2028", "\ud800", ""])
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))


@FUZZING
@given(path=st.sampled_from(_paths([RIGHT, *RULES])[2:]), value=values)
@example(path=(0, "description"), value="\ud800")
@example(path=(0, "delivery"), value=json.loads("[" * 300 + "]" * 300))
@example(path=(1, "deny"), value=json.loads('{"operator": "AND", "operands": [' * 99 + '"C2"' + "]}" * 99))
@example(path=(4, "jsonSchema"), value=json.loads('{"properties": {"a": ' * 99 + "{}" + "}}" * 99))
@example(path=(4, "jsonSchema", "definitions", "b"), value={"$ref": "#"})
def test_a_document_with_anything_anywhere_is_taken_or_told(
    path: tuple[str | int, ...], value: object, tmp_path: Path
) -> None:
    documents: Any = json.loads(json.dumps([RIGHT, *RULES]))
    above = documents
    for part in path[:-1]:
        above = above[part]
    above[path[-1]] = value

    tried(tmp_path / "d.json", json.dumps(documents).encode())


names = st.sampled_from(["Host", "CONNECTION", "te", "Proxy-X", "x-a", " x-b", ""]) | st.text(
    "aX- \r\x00é!", max_size=4
)
pairs = st.tuples(names, st.sampled_from(["", ":", ": ", "::"]), st.text("b: \t\r\n\x7fé", max_size=4)).map("".join)


@FUZZING
@given(text=st.lists(pairs, max_size=3).map(",".join) | st.text(max_size=60))
def test_any_text_of_headers_is_taken_or_told(text: str) -> None:
    taken: list[tuple[str, str]] = []
    problems: tuple[Problem, ...] = ()
    try:
        taken = headers.parse(text, "f:1")
    except ConfigurationError as error:
        problems = error.problems
    event("told" if problems else "taken")
    for problem in problems:
        assert problem.remedy
        assert str(problem).isprintable()
    for name, value in taken:
        assert name.lower() not in RESERVED
        assert not name.lower().startswith("proxy-")
        assert f"{name}{value}".isascii()
        assert f"{name}{value}".isprintable()
