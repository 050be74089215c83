"""Rows are put together whatever comes first, and leave the board when nothing more is to come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from streams.demo.board import EARLY, Board, Exported, Row
from streams.ends import RecordEnd

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def export(number: int = 0, destination: str = "crm") -> Exported:
    return Exported(f"id-{number}", f"exports-0-{number}", "entries-0-0", destination, "amira", "entered")


@pytest.fixture
def board() -> Board:
    return Board()


def test_a_row_is_the_same_in_whatever_order_its_parts_are_seen() -> None:
    steps: tuple[Callable[[Board], None], ...] = (
        lambda board: board.sent("entries-0-0", who="amira", what="enters", at=AT),
        lambda board: board.exported(export(), AT),
        lambda board: board.answered("id-0", 200, AT),
    )
    for order in permutations(steps):
        board = Board()
        for step in order:
            step(board)

        (row,) = board.take()
        assert (row.who, row.what, row.end, row.sendings[0].statuses) == ("amira", "enters", RecordEnd.ACTIVATED, [200])
        assert board.rows == []


@pytest.mark.parametrize("end", [RecordEnd.NOT_TRIGGERED, RecordEnd.EXCLUDED, RecordEnd.MALFORMED, RecordEnd.OVERTAKEN])
def test_a_record_that_sends_nothing_is_over_at_its_end(board: Board, end: RecordEnd) -> None:
    board.sent("entries-0-0", who="nora", what="enters", at=AT)
    assert list(board.take()) == []

    board.ended("entries-0-0", end, "why")

    (row,) = board.take()
    assert (row.end, row.why) == (end, "why")


def test_an_activated_record_waits_for_its_export(board: Board) -> None:
    board.sent("entries-0-0", who="nora", what="enters", at=AT)
    board.ended("entries-0-0", RecordEnd.ACTIVATED)

    assert list(board.take()) == []


def test_an_export_is_tried_again_until_it_is_taken(board: Board) -> None:
    board.exported(export(), AT)
    for status in (503, 503):
        board.answered("id-0", status, AT)
        assert list(board.take()) == []

    board.answered("id-0", 200, AT)

    assert next(board.take()).sendings[0].statuses == [503, 503, 200]


def test_a_dead_letter_ends_an_export_or_a_record(board: Board) -> None:
    board.exported(export(), AT)
    board.answered("id-0", 422, AT)
    board.sent("entries-0-1", who="broken", what="cut off", at=AT)

    board.parked("exports-0-0", "refused", AT)
    board.parked("entries-0-1", "invalid-json", AT)

    refused, malformed = board.take()
    assert refused.sendings[0].reason == "refused"
    assert (malformed.end, malformed.why) == (RecordEnd.MALFORMED, "invalid-json")


def test_a_dead_letter_that_is_read_before_what_it_ends_is_not_lost(board: Board) -> None:
    board.parked("exports-0-0", "refused", AT)
    board.parked("entries-0-1", "invalid-json", AT)

    board.exported(export(), AT)
    board.sent("entries-0-1", who="broken", what="cut off", at=AT)

    refused, malformed = board.take()
    assert refused.sendings[0].reason == "refused"
    assert (malformed.end, malformed.why) == (RecordEnd.MALFORMED, "invalid-json")


def test_a_record_of_two_destinations_waits_for_both(board: Board) -> None:
    board.exported(export(0), AT)
    board.exported(export(1, "newsletter"), AT)
    board.answered("id-0", 200, AT)
    assert list(board.take()) == []

    board.answered("id-1", 200, AT)

    assert [sending.exported.destination for sending in next(board.take()).sendings] == ["crm", "newsletter"]


def test_rows_leave_in_their_order_or_as_they_are_over(board: Board) -> None:
    board.exported(export(), AT)
    board.note("the endpoint fails", AT)

    assert list(board.take()) == []
    assert [row.note for row in board.take_over()] == ["the endpoint fails"]


def test_what_goes_on_in_a_row_that_was_let_go_is_a_row_again(board: Board) -> None:
    board.sent("entries-0-0", who="amira", what="enters", at=AT)
    board.exported(export(), AT)
    assert [row.who for row in board.take_oldest(keep=0)] == ["amira"]

    board.answered("id-0", 503, AT + timedelta(minutes=1))
    board.answered("id-0", 200, AT + timedelta(minutes=2))

    (again,) = board.take()
    assert (again.who, again.what, again.at) == ("amira", "(of 12:00:00)", AT + timedelta(minutes=1))
    assert again.sendings[0].statuses == [503, 200]


def test_nothing_is_kept_of_what_is_over(board: Board) -> None:
    for number in range(1_000):
        board.exported(export(number), AT)
        board.answered(f"id-{number}", 200, AT)
        board.answered(f"nobody's-{number}", 200, AT)
        board.parked(f"nothing-0-{number}", "refused", AT)
    rows: list[Row] = list(board.take())

    assert len(rows) == 1, "they are of one record"
    assert len(board._early) == len(board._early_reasons) == EARLY
    assert not board._exports
    assert not board._positions
    assert not board._sources
