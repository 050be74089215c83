"""What a run of the demo shows to people: a table that fills on a terminal, plain lines where the output is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from streams import __version__
from streams.demo import layout
from streams.demo.board import Board
from streams.demo.books import Books, Seen
from streams.demo.reception import Request
from streams.demo.statement import closing, statement
from streams.demo.whole import whole

WIDTH = 120
"""Of lines where the output is no terminal; a table would else be cut at 80."""

ROWS = 12
"""How many rows wait on a terminal for what is still to come, before they are let go as they are."""


class _Console(Console):
    """A console that is silent once nobody reads it any more, and says so by BrokenPipeError, once."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        raise BrokenPipeError


def new_console(stream: TextIO) -> Console:
    """Return a console on *stream*; rich itself honours ``NO_COLOR`` and the terminal's width."""
    return _Console(file=stream, highlight=False, width=None if stream.isatty() else WIDTH)


class Screen:
    """Shows a run from its first line to its books; *errors* takes why it failed."""

    def __init__(self, console: Console, errors: Console) -> None:
        self._console, self._errors = console, errors
        self._live: Live | None = None

    @property
    def is_live(self) -> bool:
        """Whether it is watched on a terminal that can be drawn on."""
        return self._console.file.isatty() and not self._console.is_dumb_terminal

    def opening(self, *, once: bool) -> None:
        """Say what this is, and how it ends."""
        ending = "Ends by itself when the sample is delivered." if once else "Runs until Ctrl-C."
        self._line(Text.assemble((f"Streams {__version__} demo. {ending}", "bold")))
        self._line(Text("Everything runs on this machine, and nothing is left when it ends.\n", "dim"))

    def started(self, what: str, where: str, note: str = "") -> None:
        """Say that a part of the demo runs, and where."""
        self._line(Text.assemble(f"  {what:<13}", (f"{where:<36}", "cyan"), (note, "dim")))

    def waiting(self, what: str) -> AbstractContextManager[object]:
        """Show on a terminal that *what* is under way, for as long as the context lasts."""
        return self._console.status(Text(f"{what} ...", "dim")) if self.is_live else nullcontext()

    @contextmanager
    def table(self) -> Iterator[None]:
        """Show the table for as long as the context lasts: ``filled`` fills it."""
        self._line(Text())
        self._line(layout.head(self._console.width))
        if not self.is_live:
            yield
            return
        with Live(console=self._console, auto_refresh=False, vertical_overflow="visible") as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def act(self, number: int, title: str) -> None:
        """Say what begins."""
        self._line(Text.assemble("\n", (f"{number}  ", "bold cyan"), (title, "bold")))

    def filled(self, board: Board, books: Books, last: Mapping[str, int]) -> None:
        """Show what has become of *board*: rows that are over stay above, the others are drawn again with the rest."""
        width = self._console.width
        if self._live is None:
            self._print(line for row in board.take_over() for line in layout.lines(row, width))
            return
        for row in (*board.take(), *board.take_oldest(self._room)):
            self._print(layout.lines(row, width))
        rows = [line for row in board.rows for line in layout.lines(row, width)]
        below = [Text(), *layout.states(books, last, width)] if books.destinations else []
        self._live.update(Group(*rows, *below), refresh=True)

    @property
    def _room(self) -> int:
        """How many rows there is room for above the destinations."""
        return max(1, min(ROWS, self._console.height - 8))

    def example(self, request: Request) -> None:
        """Show the request of the published example."""
        title = f"What {request.destination} received of the published example"
        self._line(Text.assemble("\n", (title, "bold")))
        self._print(whole(request))

    def books(self, books: Books, seen: Seen, differences: Sequence[str]) -> None:
        """Show the books, and that they close, or where they do not."""
        told = "the worker's figures, held against what was sent, read and received"
        self._line(Text.assemble("\n", ("Books", "bold"), (f"  {told}", "dim")))
        self._print(statement(books, seen))
        if not differences:
            ended, received = closing(books, seen)
            self._line(Text.assemble("\n", ("   They close: ", "bold green"), ended))
            self._line(Text(f"{'':15}{received}"))
            return
        self._line(Text.assemble("\n", ("   They do not close:", "bold red")))
        self._print(Text(f"   {difference}") for difference in differences)

    def hints(self, title: str, hints: Iterable[tuple[str, str]]) -> None:
        """Say what to try: of each what it shows, and how."""
        self._line(Text.assemble("\n", (title, "bold")))
        for what, how in hints:
            self._line(Text.assemble(f"   {what}:\n", (f"      {how}", "cyan")))

    def goes_on(self) -> None:
        """Say that it goes on until it is told to stop."""
        self._line(Text.assemble("\n", ("It goes on with new people. Ctrl-C ends.", "bold")))

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

    def _print(self, lines: Iterable[Text]) -> None:
        for line in lines:
            self._line(line)

    def _line(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)
