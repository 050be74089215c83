from __future__ import annotations

from pathlib import Path

import pytest

from streams.configuration.documents import Findings, examine
from tests.configurations import NO_SECRETS, written

DESTINATION = "kind: destination\nname: a\naccount: {httpEndpoint: https://h/x}\n"


def examined(*paths: Path) -> Findings:
    return examine(paths, NO_SECRETS)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but a comment\n", "---\n---\n", "[]", "null"])
def test_a_file_without_documents_is_a_warning(text: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    found = examined(path)

    assert not found.problems
    assert [str(warning) for warning in found.warnings] == [
        f"{path}: has no documents; write one, or take the file away [no-documents]"
    ]


def test_a_folder_without_documents_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")

    assert [str(warning) for warning in examined(tmp_path).warnings] == [
        f"{tmp_path}: has no documents; put files of .json, .yaml, .yml there [no-documents]"
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (DESTINATION.encode("utf-16"), 1),
        (DESTINATION.encode("utf-32-be"), None),
        (DESTINATION.encode() + "description: café\n".encode("latin-1"), 4),
        (DESTINATION.encode() + b"\n\n\x80", 6),
    ],
)
def test_what_is_not_utf_8_is_one_problem_with_its_line(content: bytes, line: int | None, tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_bytes(content)
    (problem,) = examined(path).problems

    assert problem.where == f"{path}:{line or 1}"
    assert line is None or problem.what == "is not UTF-8"


def test_a_byte_order_mark_and_other_line_ends_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + DESTINATION.replace("\n", "\r\n").encode())

    assert [destination.name for destination in examined(path).destinations] == ["a"]


def test_a_file_that_is_too_long_is_one_problem_wherever_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "d.yaml"
    path.write_bytes(b"x" + "é".encode() * 3_000_000)
    (problem,) = examined(path).problems

    assert str(problem) == f"{path}:1: has more than 1048576 characters; split it into several files [unreadable]"


def test_what_is_wrong_is_told_file_by_file_and_line_by_line(tmp_path: Path) -> None:
    first = written(tmp_path, f"kind: x\n---\n{DESTINATION}zzz: 1\ndelivery: {{maxAhead: 0}}\nabsent: x\n", "b.yaml")
    second = written(tmp_path, f"{DESTINATION}segments: ['${{env:HOME}}']\nnaem: x\n---\n{DESTINATION}", "a.yaml")

    places = [problem.where for problem in examined(tmp_path / "nowhere", first, second).problems]
    assert places == [
        f"{tmp_path}/nowhere",
        *(f"{first}:{line}" for line in (1, 6, 7, 8)),
        *(f"{second}:{line}" for line in (2, 4, 5, 8)),
    ]


def test_what_is_right_is_found_beside_what_is_wrong_or_not_there(tmp_path: Path) -> None:
    text = f"""\
{DESTINATION}---
kind: account
name: partner
httpEndpoint: https://h/y
authEndpoint: https://t/
clientID: c
clientSecret: ${{env:STREAMS_SECRET_X}}
---
kind: destination
name: b
account: partner
---
{DESTINATION.replace("name: a", "name: C")}"""
    found = examined(written(tmp_path, text))

    assert [destination.name for destination in found.destinations] == ["a", "b"]
    assert found.accounts["partner"].http_endpoint == "https://h/y"
    assert [problem.key for problem in found.problems] == ["name"]
    assert [problem.key for problem in found.unresolved] == ["clientSecret"]
