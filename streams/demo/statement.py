"""The books as a statement for people: each sum, and under it the parts that it is made of. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from streams.demo.books import Books, Seen
from streams.ends import ExportEnd, RecordEnd

INDENT, NAMES, GAP = 3, 16, 3
"""Columns before, for, and after the names of the parts."""

CONSIDERED = (RecordEnd.ACTIVATED, RecordEnd.EXCLUDED, RecordEnd.NOT_TRIGGERED)


@dataclass(frozen=True, slots=True)
class Account:
    """A sum, what it is counted by, and its parts; each with one figure a column."""

    heads: Sequence[str]
    sum: tuple[str, Sequence[int]]
    parts: Sequence[tuple[str, Sequence[int]]]


def accounts(books: Books, seen: Seen) -> Iterator[Account]:
    """Return the accounts: records by input, what was considered, exports and requests by destination."""
    topics = [books.topic(name) for name in seen.sent]
    sent = ("records", list(seen.sent.values()))
    yield Account(tuple(seen.sent), sent, [(end, [t.ends.get(end, 0) for t in topics]) for end in RecordEnd])
    names, every = tuple(books.destinations), list(books.destinations.values())
    considered = ("considered", [sum(book.considered.values()) for book in every])
    yield Account(names, considered, [(end, [b.considered.get(end, 0) for b in every]) for end in CONSIDERED])
    exports = ("exports", [seen.exports.get(name, 0) for name in names])
    ends: list[tuple[str, Sequence[int]]] = [(end, [book.count(end) for book in every]) for end in ExportEnd]
    yield Account(names, exports, [*ends, ("pending", [book.pending for book in every])])
    requests = [seen.requests.get(name, 0) for name in names]
    taken = [seen.taken.get(name, 0) for name in names]
    others = [total - ok for total, ok in zip(requests, taken, strict=True)]
    yield Account(names, ("requests", requests), [("answered 2xx", taken), ("answered else", others)])


def statement(books: Books, seen: Seen) -> Iterator[Text]:
    """Return the lines of all accounts, with a blank one between two; heads are not said twice."""
    above: Sequence[str] = ()
    for account in accounts(books, seen):
        if above:
            yield Text()
        width = max(map(len, account.heads), default=0) + GAP
        if account.heads != above:
            yield Text(_line("", account.heads, width), "dim")
        above = account.heads
        yield Text(_line(account.sum[0], account.sum[1], width), "bold")
        for number, (name, figures) in enumerate(account.parts):
            sign = "+" if number else "="
            yield Text(_line(f"{sign} {name}", figures, width), "" if any(figures) else "dim")


def _line(name: str, figures: Sequence[object], width: int) -> str:
    return " " * INDENT + f"{name:<{NAMES}}" + "".join(f"{figure:>{width}}" for figure in figures)


def closing(books: Books, seen: Seen) -> tuple[str, str]:
    """Say what closes, in two sentences: the totals."""
    sent, every = sum(seen.sent.values()), books.destinations.values()
    ended = sum(book.records for book in books.topics.values())
    counts = {end: sum(book.count(end) for book in every) for end in ExportEnd}
    ends = " + ".join(f"{count} {end}" for end, count in counts.items() if count or end in _SAID)
    exports, requests, taken = (sum(each.values()) for each in (seen.exports, seen.requests, seen.taken))
    return (
        f"{sent} records sent, {ended} ended; {exports} exports = {ends}.",
        f"{requests} requests received, {taken} of them answered 2xx.",
    )


_SAID = (ExportEnd.DELIVERED, ExportEnd.DEAD_LETTERED)
