"""The table at three widths, as it is drawn; every line fits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from rich.text import Text

from streams.demo import layout
from streams.demo.board import Exported, Row, Sending
from streams.demo.books import Books, DestinationBook
from streams.ends import ExportEnd, RecordEnd

AT = datetime(2026, 1, 1, 9, 30, tzinfo=UTC)


def sending(*statuses: int, reason: str = "", destination: str = "newsletter") -> Sending:
    return Sending(Exported("id", "e-0-0", "q-0-0", destination, "jonas", "entered"), list(statuses), reason)


def row(*sendings: Sending, end: RecordEnd | None = RecordEnd.ACTIVATED, why: str = "") -> Row:
    return Row(AT, "jonas", "enters Newsletter readers", end=end, why=why, sendings=list(sendings))


LEFT = "   jonas       enters Newsletter readers"
BLANK = " " * len(LEFT)


@pytest.mark.parametrize(
    ("shown", "right"),
    [
        (row(end=None), ["..."]),
        (row(), ["..."]),
        (row(end=RecordEnd.NOT_TRIGGERED), ["not-triggered"]),
        (row(end=RecordEnd.EXCLUDED, why="mandatory-attribute-missing"), ["excluded: mandatory-attribute-missing"]),
        (row(sending()), ["newsletter  waits"]),
        (row(sending(503, 503)), ["newsletter  503 x2, ..."]),
        (row(sending(503, 503, 200)), ["newsletter  503 x2, 200"]),
        (row(sending(422, reason="refused")), ["newsletter  422, dead letter: refused"]),
        (row(sending(200), sending(destination="crm")), ["newsletter  200", "crm         waits"]),
    ],
)
def test_what_was_sent_and_what_came_back_stand_on_the_right_at_80_columns(shown: Row, right: list[str]) -> None:
    lines = [line.plain for line in layout.lines(shown, 80)]

    assert lines == [f"{LEFT if number == 0 else BLANK} │ {text}" for number, text in enumerate(right)]
    assert max(map(len, lines)) <= 80


def test_a_wide_terminal_has_the_time_and_why_too() -> None:
    (line,) = layout.lines(row(sending(503, 200)), 120)

    assert line.plain == f"   09:30:00  {LEFT[3:]} │ newsletter  entered    503, 200"
    refused = row(sending(422, reason="refused"))
    assert [len(next(layout.lines(refused, width)).plain) for width in (80, 90, 102)] == [80, 90, 101]
    assert layout.head(120).plain.index("answered") == line.plain.index("503")
    assert layout.head(120).plain.index("on Kafka") == line.plain.index("enters")


@pytest.mark.parametrize("width", [20, 40, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = Row(AT, "w" * 50, "w" * 50, sendings=[sending(*range(500, 550))])

    assert all(
        len(line.plain) <= width for line in (*layout.lines(long, width), *layout.lines(Row(AT, note="w" * 300), width))
    )


def test_the_answers_have_the_colour_of_what_is_made_of_them() -> None:
    (line,) = layout.lines(row(sending(503, 422, 200)), 80)

    assert [_style(line, status) for status in ("503", "422", "200")] == ["yellow", "red", "green"]


def _style(line: Text, word: str) -> str:
    start = line.plain.index(word)
    return next(str(span.style) for span in reversed(line.spans) if span.start <= start < span.end)


def test_the_destinations_stand_in_columns() -> None:
    crm = DestinationBook(
        considered={RecordEnd.ACTIVATED: 12}, ends={ExportEnd.DELIVERED: 9}, state="faulted", reason="unauthorized"
    )
    books = Books({}, {"crm": crm, "newsletter": DestinationBook()})

    assert [line.plain for line in layout.states(books, {"crm": 401}, 80)] == [
        "   destination   state                    exports   ended  waiting  last answer",
        "   crm           faulted: unauthorized         12       9        3          401",
        "   newsletter    starts                         0       0        0            -",
    ]
    assert {len(line.plain) for line in layout.states(books, {}, 40)} == {40}
