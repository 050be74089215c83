"""The books as they are shown: each sum with its parts, and two sentences that close them."""

from __future__ import annotations

from streams.demo.books import Books, DestinationBook, Seen, TopicBook
from streams.demo.statement import accounts, closing, statement
from streams.ends import ExportEnd, RecordEnd

BOOKS = Books(
    {"profiles": TopicBook({RecordEnd.NOT_TRIGGERED: 2}), "exits": TopicBook({RecordEnd.ACTIVATED: 3})},
    {
        "crm": DestinationBook(
            considered={RecordEnd.ACTIVATED: 3, RecordEnd.EXCLUDED: 1},
            ends={ExportEnd.DELIVERED: 1, ExportEnd.DEAD_LETTERED: 1},
            pending=1,
        ),
        "newsletter": DestinationBook(),
    },
)
SEEN = Seen(sent={"profiles": 2, "exits": 3}, exports={"crm": 3}, requests={"crm": 4}, taken={"crm": 1})


def test_every_sum_is_that_of_its_parts() -> None:
    told = list(accounts(BOOKS, SEEN))

    assert [account.sum for account in told] == [
        ("records", [2, 3]),
        ("considered", [4, 0]),
        ("exports", [3, 0]),
        ("requests", [4, 0]),
    ]
    for account in told:
        columns = zip(*(figures for _, figures in account.parts), strict=True)
        assert [sum(column) for column in columns] == account.sum[1]


def test_it_is_shown_in_columns_and_heads_are_not_said_twice() -> None:
    lines = [line.plain for line in statement(BOOKS, SEEN)]

    assert lines[:4] == [
        "                      profiles      exits",
        "   records                   2          3",
        "   = malformed               0          0",
        "   + overtaken               0          0",
    ]
    assert lines[8:12] == [
        "                             crm   newsletter",
        "   considered                  4            0",
        "   = activated                 3            0",
        "   + excluded                  1            0",
    ]
    assert sum("newsletter" in line for line in lines) == 1


def test_two_sentences_close_them() -> None:
    assert closing(BOOKS, SEEN) == (
        "5 records sent, 5 ended; 3 exports = 1 delivered + 1 dead-lettered.",
        "4 requests received, 1 of them answered 2xx.",
    )
