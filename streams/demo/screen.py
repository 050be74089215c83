"""What a run of the demo shows to people: plain lines, aligned, in colour where the terminal wants it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TextIO

import msgspec
from rich.console import Console
from rich.text import Text

from streams import __version__
from streams.demo.books import Books
from streams.demo.reception import OK, UNAVAILABLE, Request
from streams.demo.sample import DIRECTORY, Step
from streams.demo.triggers import Trigger
from streams.ends import RecordEnd

WIDTH = 100
"""Of lines where the output is no terminal; a table would else be cut at 80."""

INDENT = 3
NAMES = 15
"""Columns that the names of topics and destinations take, so that both tables stand aligned."""

SHOWN_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "header1", "header2", "headerN")
"""The headers of a request that are worth a line; the others are those of any HTTP client."""

SHOWN_TOKEN = 10
"""How much of a token is shown: enough to see that there is one."""

NOTES = {
    RecordEnd.MALFORMED: " (a dead letter)",
    RecordEnd.EXCLUDED: " (lacks an attribute)",
}
"""What follows from an end, where its name does not say so."""

_INNERMOST = re.compile(r"([\[{])\s*([^\[\]{}]*?)\s*([\]}])")


def new_console(stream: TextIO) -> Console:
    """Return a console on *stream*; rich itself honours ``NO_COLOR`` and the terminal's width."""
    return Console(file=stream, highlight=False, width=None if stream.isatty() else WIDTH)


class Screen:
    """Shows a run from its first line to its books; *errors* takes why it failed."""

    def __init__(self, console: Console, errors: Console) -> None:
        self._console, self._errors = console, errors

    def opening(self, *, once: bool) -> None:
        """Say what this is, and how it ends."""
        ending = "Ends by itself when the sample is delivered." if once else "Runs until Ctrl-C."
        self._line(Text.assemble((f"Streams {__version__} demo. {ending}", "bold")))
        self._line(Text("Everything runs on this machine, and nothing is left when it ends.\n", "dim"))

    def started(self, what: str, where: str, note: str = "") -> None:
        """Say that a part of the demo runs, and where."""
        self._line(Text.assemble(f"  {what:<14}", (f"{where:<42}", "cyan"), (note, "dim")))

    def waiting(self, what: str) -> AbstractContextManager[object]:
        """Show on a terminal that *what* is under way, for as long as the context lasts."""
        if not self._console.is_terminal:
            return nullcontext()  # rich would hide and show the cursor even of a file
        return self._console.status(Text(f"{what} ...", "dim"))

    def step(self, number: int, step: Step) -> None:
        """Say what is sent now."""
        self._line(Text.assemble("\n", (f"{number}  ", "bold cyan"), (step.title, "bold")))

    def request(self, request: Request, trigger: Trigger) -> None:
        """Show a request that was received: when, whose change, what changed, for whom, and what was answered."""
        style, note = _verdict(request.status)
        self._line(
            Text.assemble(
                (f"   {request.at:%H:%M:%S}.{request.at.microsecond // 1000:03}  ", "dim"),
                f"{trigger.profile:<11} {trigger.change:<27} ",
                (f"{request.destination:<11} ", "cyan"),
                (f"{request.status}", style),
                (f"  {note}" if note else "", "dim"),
            )
        )

    def ended(self, step: Step, before: Books, after: Books) -> None:
        """Say how a step's records ended."""
        counts = {end: _records(after, step.topic, end) - _records(before, step.topic, end) for end in RecordEnd}
        told = ", ".join(f"{count} {end}{NOTES.get(end, '')}" for end, count in counts.items() if count)
        self._line(Text(f"   {len(step.records)} to {step.topic}: {told}", "dim"))

    def last_request(self, request: Request) -> None:
        """Show a whole request, as the endpoint received it."""
        received = request.received
        self._line(Text.assemble("\n", (f"What {request.destination} received last", "bold")))
        self._line(Text(f"   {received.method} {received.url}", "cyan"))
        for name in SHOWN_HEADERS:
            if value := received.header(name):
                shown = f"{value[:SHOWN_TOKEN]}..." if name == "Authorization" else value
                self._line(Text.assemble((f"   {name}: ", "dim"), shown))
        for line in pretty(received.body).splitlines():
            self._line(Text(f"   {line}"))

    def books(self, books: Books) -> None:
        """Show the figures of the worker's own metrics."""
        self._line(Text.assemble("\n", ("Books", "bold"), ("  from the worker's /metrics", "dim")))
        self._show(
            ("topic", "records", *RecordEnd),
            [
                (name, book.records, *(book.ends.get(end, 0) for end in RecordEnd))
                for name, book in books.topics.items()
            ],
        )
        self._line()
        self._show(
            ("destination", "exports", "delivered", "dead-lettered", "requests"),
            [
                (name, book.exports, book.delivered, book.dead_lettered, book.attempts)
                for name, book in books.destinations.items()
            ],
        )

    def _show(self, heads: Sequence[str], rows: Sequence[Sequence[str | int]]) -> None:
        lines = [heads, *([str(cell) for cell in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            name, *cells = (f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True))
            text = "   ".join([name.strip().ljust(NAMES), *cells])
            self._line(Text(f"   {text}", "dim" if line is heads else ""))

    def closed(self, sent: int, books: Books) -> None:
        """Say that the books close."""
        exports = sum(book.exports for book in books.destinations.values())
        delivered = sum(book.delivered for book in books.destinations.values())
        dead = sum(book.dead_lettered for book in books.destinations.values())
        self._line()
        self._line(
            Text.assemble(
                ("   They close: ", "bold green"),
                f"{sent} records sent, {sent} ended; {exports} exports = {delivered} delivered + {dead} dead-lettered.",
            )
        )

    def not_closed(self, differences: Sequence[str]) -> None:
        """Say where the books do not close."""
        self._line(Text.assemble("\n", ("   They do not close:", "bold red")))
        for difference in differences:
            self._line(Text(f"   {difference}"))

    def next_steps(self, addresses: Mapping[str, str], *, once: bool) -> None:
        """Say what to try next; *addresses* are those of what still runs."""
        self._line(Text.assemble("\n", ("To try next", "bold")))
        self._hint("the settings, documents and records that ran", str(DIRECTORY))
        self._hint("every option", "streams demo --help")
        if once:
            self._hint("each request as a line of JSON", "streams demo --once --output json")
            return
        self._hint("the worker's figures", f"curl {addresses['worker']}/metrics")
        self._hint(
            "a record of your own",
            f"send to {addresses['broker']}: profiles, qualifications or exits (key = profile)",
        )
        self._line(Text.assemble("\n", ("Requests are shown as they arrive. Ctrl-C ends.", "bold")))

    def _hint(self, what: str, how: str) -> None:
        self._line(Text.assemble(f"   {what}:\n", (f"      {how}", "cyan")))

    def failed(self, what: str, lines: Sequence[str] = ()) -> None:
        """Say why a run failed, with *lines* that explain it."""
        self._errors.print(Text.assemble("\n", (what, "bold red")), soft_wrap=True)
        for line in lines:
            self._errors.print(Text(f"   {line}"), soft_wrap=True)

    def stopping(self) -> None:
        """Say that it is being stopped, which takes the worker a moment."""
        self._line(Text("\nStopping ...", "dim"))

    def stopped(self) -> None:
        """Say that all is stopped."""
        self._line(Text("Stopped; nothing is left.", "dim"))

    def _line(self, text: Text | None = None) -> None:
        self._console.print(text or "", soft_wrap=True)


def pretty(body: bytes) -> str:
    """Return JSON for people: indented, the innermost objects and lists on one line each, every digit kept."""
    indented = msgspec.json.format(body, indent=2).decode()
    return _INNERMOST.sub(_on_one_line, indented)


def _on_one_line(found: re.Match[str]) -> str:
    line = found[1] + re.sub(r"\n *", " ", found[2]) + found[3]
    before = found.start() - found.string.rfind("\n", 0, found.start())
    return line if before + len(line) <= WIDTH - INDENT else found[0]


def _records(books: Books, topic: str, end: RecordEnd) -> int:
    book = books.topics.get(topic)
    return book.ends.get(end, 0) if book else 0


def _verdict(status: int) -> tuple[str, str]:
    """Return a status' colour, and what the worker makes of it."""
    if status == OK:
        return "green", ""
    if status == UNAVAILABLE:
        return "yellow", "is tried again"
    return "red", "refused, a dead letter"
