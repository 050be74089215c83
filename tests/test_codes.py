"""Every code that a message carries has one line in the README that says what to do, and every line has a code."""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum
from pathlib import Path

import pytest

from streams.codes import Advice, Denial, Mistake, Obstacle, Refusal
from streams.endpoints.meanings import FAULT_REASONS, STATUS_REASONS, Kind, by_default
from streams.remedies.attempts import ATTEMPTS
from streams.remedies.destinations import todo
from streams.topics.plan import Found, TopicError, absence, agreed_partitions, commands, flaws
from tests.told_codes import LISTS

README = Path(__file__).parents[1] / "README.md"
STREAMS = README.parent / "streams"


@pytest.mark.parametrize("name", LISTS)
def test_each_code_of_a_closed_list_has_a_line_and_each_line_a_code(name: str) -> None:
    lines, codes = LISTS[name]

    assert sorted(lines) == sorted(codes)


def test_no_code_has_two_lines() -> None:
    counts = Counter(code for lines, _ in LISTS.values() for code in lines)

    assert [code for code, count in counts.items() if count > 1] == []


def test_each_line_stands_in_the_readme_once() -> None:
    text = README.read_text()
    section = text[text.index("## What to do when") : text.index("## What it costs")]
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| .+ \| .+ \|$", section, re.MULTILINE)

    assert sorted(rows) == sorted(code for lines, _ in LISTS.values() for code in lines)


def test_a_line_is_one_line_that_says_what_to_do() -> None:
    for lines, _ in LISTS.values():
        for code, remedy in lines.items():
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)
            assert remedy.meaning.endswith("."), code
            assert remedy.todo, code
            assert not remedy.todo.endswith("."), code
            assert not set("|\n") & {*remedy.meaning, *remedy.todo}, code


def test_the_attempts_that_are_a_destinations_fault_come_first() -> None:
    faults = {
        *FAULT_REASONS,
        *(reason for status, reason in STATUS_REASONS.items() if by_default(status) is Kind.FAULT),
    }
    listed = list(ATTEMPTS)

    assert faults == {*listed[: listed.index("token-tls-failed") + 1]}


def test_what_to_do_is_told_as_plain_text() -> None:
    assert todo("gap") == "'streams gaps list'; see the causes below"
    assert todo("") is None


def code_of(message: str) -> str:
    found = re.search(r" \[([a-z0-9-]+)\]$", message)
    assert found is not None, message
    return found[1]


def test_what_is_wrong_with_a_topic_carries_its_code() -> None:
    spec = commands("shop", 4)
    wrong = [
        *flaws(spec, Found(3, {"cleanup.policy": "compact"})),
        *flaws(spec, Found(4)),
        absence(spec),
    ]
    for counts, expected in (({"a": None, "b": 3, "c": 4}, None), ({"a": 3}, 4)):
        with pytest.raises(TopicError) as caught:
            agreed_partitions(counts, expected)
        wrong += caught.value.problems

    assert {code_of(each) for each in wrong} == {
        *(Refusal.TOPIC_PARTITIONS, Refusal.TOPIC_CONFIG, Refusal.TOPIC_HIDDEN, Refusal.TOPIC_ABSENT),
        *(Refusal.INPUT_MISSING, Refusal.INPUT_PARTITIONS),
    }


@pytest.mark.parametrize("kind", [Refusal, Mistake, Advice, Obstacle, Denial])
def test_every_code_is_given_to_some_message(kind: type[StrEnum]) -> None:
    sources = "".join(path.read_text() for path in STREAMS.rglob("*.py") if path.name != "codes.py")

    assert [each.name for each in kind if f"{kind.__name__}.{each.name}" not in sources] == []
