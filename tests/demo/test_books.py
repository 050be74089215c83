"""The demo's books are read from a worker's own metrics, and every way of not closing is told."""

from __future__ import annotations

from dataclasses import replace

from prometheus_client import generate_latest

from streams.demo.books import Books, DestinationBook, TopicBook, read_books
from streams.destinations import Account, Destination
from streams.ends import Exclusion, ExportEnd, Reason, RecordEnd
from streams.exports import Export, Meta
from streams.outcomes import Delivered, Retryable
from streams.telemetry.telemetry import Telemetry

CLOSED = Books(
    {"profiles": TopicBook({RecordEnd.NOT_TRIGGERED: 2}), "exits": TopicBook({RecordEnd.ACTIVATED: 3})},
    {"crm": DestinationBook(3, 3, 4, {ExportEnd.DELIVERED: 2, ExportEnd.DEAD_LETTERED: 1})},
)
SENT = {"profiles": 2, "exits": 3}
TAKEN = {"crm": 2}


def with_crm(**changes: object) -> Books:
    return replace(CLOSED, destinations={"crm": replace(CLOSED.destinations["crm"], **changes)})  # type: ignore[arg-type]  # by name


def test_the_figures_are_those_of_the_worker() -> None:
    crm = Destination("crm", Account("https://api.example.com"))
    telemetry = Telemetry(lambda: 0.0, log_delivered=False)
    for end in (RecordEnd.ACTIVATED, RecordEnd.ACTIVATED, RecordEnd.EXCLUDED):
        telemetry.input("exits").ended(end)
    telemetry.activation(crm).considered(RecordEnd.ACTIVATED)
    telemetry.activation(crm).considered(RecordEnd.EXCLUDED, Exclusion.MANDATORY_ATTRIBUTE_MISSING)
    delivery = telemetry.delivery(crm)
    delivery.fetched(1)
    delivery.attempted(Retryable("status", 503), 0.1)
    delivery.attempted(Delivered(200), 0.1)
    export = Export("demo.exports.crm.1", 0, 0, 0, b"p", b"{}", "id", Meta(1, 1, "entered", "exits-0-0"))
    delivery.ended(export, ExportEnd.DELIVERED, status=200, attempts=2)

    books = read_books(generate_latest(telemetry.registry).decode())

    assert books.topics["exits"].records == 3
    assert books.topics["exits"].ends[RecordEnd.EXCLUDED] == 1
    book = books.destinations["crm"]
    assert (book.exports, book.fetched, book.attempts, book.delivered, book.ended) == (1, 1, 2, 1, 1)


def test_a_dead_letter_is_counted_whatever_its_reason() -> None:
    crm = Destination("crm", Account("https://api.example.com"))
    telemetry = Telemetry(lambda: 0.0)
    export = Export("demo.exports.crm.1", 0, 0, 0, b"p", b"{}", "id", Meta(1, 1, "entered", "exits-0-0"))
    for reason in (Reason.REFUSED, Reason.EXHAUSTED):
        telemetry.delivery(crm).ended(export, ExportEnd.DEAD_LETTERED, reason=reason)

    assert read_books(generate_latest(telemetry.registry).decode()).destinations["crm"].dead_lettered == 2


def test_books_that_close_have_no_difference_and_nothing_missing() -> None:
    assert CLOSED.differences(SENT, TAKEN) == []
    assert CLOSED.missing(SENT) == []


def test_a_lost_record_is_missing_and_a_difference() -> None:
    sent = {**SENT, "exits": 4}

    assert CLOSED.missing(sent) == ["exits: 3 of 4 records have ended"]
    assert CLOSED.differences(sent, TAKEN) == ["exits: 4 records were sent, 3 have ended"]


def test_a_record_that_ended_twice_is_a_difference() -> None:
    assert CLOSED.differences({**SENT, "exits": 2}, TAKEN) == ["exits: 2 records were sent, 3 have ended"]


def test_a_topic_that_the_worker_never_read_is_missing() -> None:
    assert Books().missing({"exits": 1}) == ["exits: 0 of 1 records have ended"]


def test_an_export_that_has_not_ended_is_missing_and_a_difference() -> None:
    books = with_crm(ends={ExportEnd.DELIVERED: 2})

    assert books.missing(SENT) == ["crm: 2 of 3 exports have ended"]
    assert books.differences(SENT, TAKEN) == ["crm: of 3 exports 2 were delivered and 0 are dead letters"]


def test_an_export_that_was_dropped_is_a_difference() -> None:
    books = with_crm(ends={ExportEnd.DELIVERED: 2, ExportEnd.OVERTAKEN: 1})

    assert books.differences(SENT, TAKEN) == ["crm: of 3 exports 2 were delivered and 0 are dead letters"]


def test_an_export_that_was_fetched_twice_is_a_difference() -> None:
    assert with_crm(fetched=4).differences(SENT, TAKEN) == ["crm: 3 exports were written, 4 were fetched"]


def test_a_request_that_the_endpoint_took_twice_is_a_difference() -> None:
    assert CLOSED.differences(SENT, {"crm": 3}) == ["crm: 2 exports were delivered, 3 requests got a 2xx"]


def test_a_request_to_an_unknown_place_is_a_difference() -> None:
    assert CLOSED.differences(SENT, {**TAKEN, "?": 1}) == ["?: 0 exports were delivered, 1 requests got a 2xx"]
