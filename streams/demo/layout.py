"""How a row, and how the destinations stand, look at a width. Pure.

On the left of a row is what stands on Kafka, on its right what was sent to an endpoint and what came back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from rich.text import Text

from streams.demo.board import Row, Sending
from streams.demo.books import Books, DestinationBook
from streams.ends import RecordEnd

TIMED, REASONED = 90, 102
"""From these widths on a row has its time, and why an export was made."""

INDENT = 3
WHO, WHAT, DESTINATION, TRIGGER = 10, 25, 10, 9
NAME, STATE, ANSWER = 12, 24, 13

STYLES = {RecordEnd.MALFORMED: "red", RecordEnd.EXCLUDED: "yellow"}
"""Of an end that somebody should look at; the others are dim."""


def head(width: int) -> Text:
    """Return the line above the rows."""
    left = _left("time", "who", "on Kafka", width)
    trigger = f"{'because':<{TRIGGER}}  " if width >= REASONED else ""
    return Text(f"{left} │ {'sent to':<{DESTINATION}}  {trigger}answered", "dim")


def lines(row: Row, width: int) -> Iterator[Text]:
    """Return a row's lines: one, and one more for each further destination."""
    if row.note:
        time = f"{row.at:%H:%M:%S}  " if width >= TIMED else ""
        yield _cut(Text.assemble(" " * INDENT, (time, "dim"), (row.note, "magenta")), width)
        return
    left = _left(f"{row.at:%H:%M:%S}", row.who, row.what, width)
    for right in [_sending(each, width) for each in row.sendings] or [_end(row)]:
        yield _cut(Text.assemble(left, (" │ ", "dim"), right), width)
        left = " " * len(left)


def _left(time: str, who: str, what: str, width: int) -> str:
    shown = f"{time:<8}  " if width >= TIMED else ""
    return f"{'':{INDENT}}{shown}{_short(who, WHO):<{WHO}}  {_short(what, WHAT):<{WHAT}}"


def _end(row: Row) -> Text:
    if row.end is None or row.end is RecordEnd.ACTIVATED:
        return Text("...", "dim")
    told = f"{row.end}: {row.why}" if row.why else f"{row.end}"
    return Text(told, STYLES.get(row.end, "dim"))


def _sending(sending: Sending, width: int) -> Text:
    export = sending.exported
    text = Text(f"{_short(export.destination, DESTINATION):<{DESTINATION}}  ", "cyan")
    if width >= REASONED:
        text.append(f"{_short(export.trigger, TRIGGER):<{TRIGGER}}  ", "dim")
    return text.append_text(Text(", ").join(_answers(sending)))


def _answers(sending: Sending) -> Iterator[Text]:
    """Return what came back, the same several times as one, and what comes of it."""
    for status, same in groupby(sending.statuses):
        count = len(list(same))
        yield Text(f"{status} x{count}" if count > 1 else f"{status}", colour(status))
    if sending.reason:
        yield Text(f"dead letter: {sending.reason}", "red")
    elif not sending.is_over:
        yield Text("..." if sending.statuses else "waits", "dim")


def colour(status: int) -> str:
    """Return a status' colour: taken, tried again, or neither."""
    if status < 300:
        return "green"
    return "yellow" if status in {408, 409, 425, 429} or status >= 500 else "red"


def states(books: Books, last: Mapping[str, int], width: int) -> Iterator[Text]:
    """Return how the destinations stand, under a line of heads; *last* is the last answer to each."""
    heads = f"{'':{INDENT}}{'destination':<{NAME}}  {'state':<{STATE}}{_counts('exports', 'ended', 'waiting')}"
    yield _cut(Text(f"{heads}{'last answer':>{ANSWER}}", "dim"), width)
    for name, book in books.destinations.items():
        yield _cut(_state(name, book, last.get(name)), width)


def _state(name: str, book: DestinationBook, answer: int | None) -> Text:
    state = f"{book.state or 'starts'}: {book.reason}" if book.reason else book.state or "starts"
    style = {"activated": "green", "faulted": "red", "paused": "yellow"}.get(book.state, "")
    counts = _counts(str(book.exports), str(book.ended), str(book.waiting))
    return Text.assemble(
        " " * INDENT,
        (f"{_short(name, NAME):<{NAME}}  ", "cyan"),
        (f"{_short(state, STATE):<{STATE}}", style),
        counts,
        (f"{answer or '-':>{ANSWER}}", colour(answer) if answer else "dim"),
    )


def _counts(exports: str, ended: str, waiting: str) -> str:
    return f"{exports:>8}{ended:>8}{waiting:>9}"


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _cut(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis")
    text.rstrip()
    return text
