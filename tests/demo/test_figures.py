"""The demo's figures are read from a worker's own metrics."""

from __future__ import annotations

from prometheus_client import generate_latest

from streams.demo.books import Books
from streams.demo.figures import read_books
from streams.destinations import Account, Destination
from streams.ends import Exclusion, ExportEnd, Reason, RecordEnd
from streams.exports import Export, Meta
from streams.outcomes import Delivered, Retryable
from streams.telemetry.telemetry import Telemetry

CRM = Destination("crm", Account("https://api.example.com"))
EXPORT = Export("demo.exports.crm.1", 0, 0, 0, b"p", b"{}", "id", Meta(1, 1, "entered", "exits-0-0"))


def read(telemetry: Telemetry) -> Books:
    return read_books(generate_latest(telemetry.registry).decode())


def test_the_figures_are_those_of_the_worker() -> None:
    telemetry = Telemetry(lambda: 0.0, log_delivered=False)
    for end in (RecordEnd.ACTIVATED, RecordEnd.ACTIVATED, RecordEnd.EXCLUDED):
        telemetry.input("exits").ended(end)
    telemetry.activation(CRM).considered(RecordEnd.ACTIVATED)
    telemetry.activation(CRM).considered(RecordEnd.EXCLUDED, Exclusion.MANDATORY_ATTRIBUTE_MISSING)
    delivery = telemetry.delivery(CRM)
    delivery.observe(pending=lambda: 2, in_flight=lambda: 0, oldest_timestamp_ms=lambda: None)
    delivery.attempted(Retryable("status", 503), 0.1)
    delivery.attempted(Delivered(200), 0.1)
    delivery.resent()
    delivery.ended(EXPORT, ExportEnd.DELIVERED, status=200, attempts=2)
    delivery.state("faulted", "gap")

    books = read(telemetry)

    assert books.topic("exits").records == 3
    assert books.topic("exits").ends[RecordEnd.EXCLUDED] == 1
    crm = books.destination("crm")
    assert (crm.exports, crm.ended, crm.pending, crm.attempts, crm.resent) == (1, 1, 2, 2, 1)
    assert crm.exclusions[Exclusion.MANDATORY_ATTRIBUTE_MISSING] == 1
    assert (crm.state, crm.reason) == ("faulted", "gap")


def test_a_state_without_a_reason_is_read_too() -> None:
    telemetry = Telemetry(lambda: 0.0)
    telemetry.delivery(CRM).state("activated")

    assert (read(telemetry).destination("crm").state, read(telemetry).destination("crm").reason) == ("activated", "")


def test_a_dead_letter_is_counted_whatever_its_reason() -> None:
    telemetry = Telemetry(lambda: 0.0)
    for reason in (Reason.REFUSED, Reason.EXHAUSTED):
        telemetry.delivery(CRM).ended(EXPORT, ExportEnd.DEAD_LETTERED, reason=reason)

    assert read(telemetry).destination("crm").count(ExportEnd.DEAD_LETTERED) == 2
