"""The worker's figures, as its ``/metrics`` shows them. Pure: the text of the page is an argument."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families

from streams.demo.books import Books, DestinationBook, TopicBook
from streams.ends import ExportEnd, RecordEnd

_RECORDS = "streams_records_total"
_CONSIDERED = "streams_considered_total"
_ENDED = "streams_exports_ended_total"
_PENDING = "streams_exports_pending"
_ATTEMPTS = "streams_attempts_total"
_RESENT = "streams_attempts_resent_total"
_STATE = "streams_destination_state"
_NAMES = frozenset((_RECORDS, _CONSIDERED, _ENDED, _PENDING, _ATTEMPTS, _RESENT, _STATE))

_Found = list[tuple[str, dict[str, str], int]]


def read_books(page: str) -> Books:
    """Return the books that *page*, in Prometheus' text format, tells."""
    found = [
        (sample.name, sample.labels, int(sample.value))
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name in _NAMES
    ]
    return Books(
        {topic: _topic_book(of_it) for topic, of_it in _by(found, "topic")},
        {name: _destination_book(of_it) for name, of_it in _by(found, "destination")},
    )


def _by(found: _Found, label: str) -> Iterator[tuple[str, _Found]]:
    for value in sorted({labels[label] for _, labels, _ in found if label in labels}):
        yield value, [each for each in found if each[1].get(label) == value]


def _topic_book(found: _Found) -> TopicBook:
    return TopicBook({end: _sum(found, _RECORDS, end=end) for end in RecordEnd})


def _destination_book(found: _Found) -> DestinationBook:
    states = [labels for name, labels, value in found if name == _STATE and value]
    exclusions = {labels["exclusion"] for name, labels, _ in found if name == _CONSIDERED and labels.get("exclusion")}
    return DestinationBook(
        considered={
            end: _sum(found, _CONSIDERED, end=end)
            for end in (RecordEnd.ACTIVATED, RecordEnd.EXCLUDED, RecordEnd.NOT_TRIGGERED)
        },
        exclusions={why: _sum(found, _CONSIDERED, exclusion=why) for why in sorted(exclusions)},
        ends={end: _sum(found, _ENDED, end=end) for end in ExportEnd},
        pending=_sum(found, _PENDING),
        attempts=_sum(found, _ATTEMPTS),
        resent=_sum(found, _RESENT),
        state=states[0]["state"] if states else "",
        reason=states[0].get("reason", "") if states else "",
    )


def _sum(found: _Found, wanted: str, **labels: str) -> int:
    return sum(value for name, got, value in found if name == wanted and labels.items() <= got.items())
