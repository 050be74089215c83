"""The books of a run, read from a worker's ``/metrics``, and whether they close.

Every record that was sent to a topic has one end; every export was delivered or is a dead letter; the endpoint
answered as many requests with 2xx as exports were delivered. Pure: the text of the metrics is an argument.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from streams.ends import ExportEnd, RecordEnd


@dataclass(frozen=True, slots=True)
class TopicBook:
    """How the records of an input topic ended."""

    ends: Mapping[RecordEnd, int] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """All records that have ended."""
        return sum(self.ends.values())


@dataclass(frozen=True, slots=True)
class DestinationBook:
    """What was exported for a destination, what became of it, and in how many requests."""

    exports: int = 0
    fetched: int = 0
    attempts: int = 0
    ends: Mapping[ExportEnd, int] = field(default_factory=dict)

    @property
    def delivered(self) -> int:
        """Exports that the endpoint took."""
        return self.ends.get(ExportEnd.DELIVERED, 0)

    @property
    def dead_lettered(self) -> int:
        """Exports that the endpoint will never take; each is kept in the dead letters."""
        return self.ends.get(ExportEnd.DEAD_LETTERED, 0)

    @property
    def ended(self) -> int:
        """All exports that have ended."""
        return sum(self.ends.values())


@dataclass(frozen=True, slots=True)
class Books:
    """The figures of one worker by topic and by destination."""

    topics: Mapping[str, TopicBook] = field(default_factory=dict)
    destinations: Mapping[str, DestinationBook] = field(default_factory=dict)

    def missing(self, sent: Mapping[str, int]) -> list[str]:
        """Return, as sentences, what has not ended yet, given how many records were *sent* to each topic."""
        return [*self._missing_records(sent), *self._missing_exports()]

    def _missing_records(self, sent: Mapping[str, int]) -> Iterator[str]:
        for topic, count in sent.items():
            ended = self.topics.get(topic, TopicBook()).records
            if ended < count:
                yield f"{topic}: {ended} of {count} records have ended"

    def _missing_exports(self) -> Iterator[str]:
        for name, book in self.destinations.items():
            if book.ended < book.exports:
                yield f"{name}: {book.ended} of {book.exports} exports have ended"

    def differences(self, sent: Mapping[str, int], answered: Mapping[str, int]) -> list[str]:
        """Return, as sentences, where the books do not close; *answered* counts the endpoint's 2xx by destination."""
        return [*self._topics_differ(sent), *self._destinations_differ(answered)]

    def _topics_differ(self, sent: Mapping[str, int]) -> Iterator[str]:
        for topic in sorted({*sent, *self.topics}):
            count, ended = sent.get(topic, 0), self.topics.get(topic, TopicBook()).records
            if ended != count:
                yield f"{topic}: {count} records were sent, {ended} have ended"

    def _destinations_differ(self, answered: Mapping[str, int]) -> Iterator[str]:
        for name in sorted({*answered, *self.destinations}):
            book = self.destinations.get(name, DestinationBook())
            if book.fetched != book.exports:
                yield f"{name}: {book.exports} exports were written, {book.fetched} were fetched"
            if book.delivered + book.dead_lettered != book.exports:
                yield (
                    f"{name}: of {book.exports} exports {book.delivered} were delivered"
                    f" and {book.dead_lettered} are dead letters"
                )
            if book.delivered != answered.get(name, 0):
                yield f"{name}: {book.delivered} exports were delivered, {answered.get(name, 0)} requests got a 2xx"


def read_books(metrics: str) -> Books:
    """Return the books that *metrics*, a page in Prometheus' text format, tells."""
    found = [
        (sample.name, sample.labels, int(sample.value))
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name in _NAMES
    ]
    topics = {labels["topic"] for name, labels, _ in found if name == _RECORDS}
    destinations = {labels["destination"] for name, labels, _ in found if name != _RECORDS}
    return Books(
        {topic: _topic_book([f for f in found if f[1].get("topic") == topic]) for topic in sorted(topics)},
        {
            name: _destination_book([f for f in found if f[1].get("destination") == name])
            for name in sorted(destinations)
        },
    )


_RECORDS = "streams_records_total"
_CONSIDERED = "streams_considered_total"
_FETCHED = "streams_exports_fetched_total"
_ENDED = "streams_exports_ended_total"
_ATTEMPTS = "streams_attempts_total"
_NAMES = frozenset((_RECORDS, _CONSIDERED, _FETCHED, _ENDED, _ATTEMPTS))

_Found = list[tuple[str, dict[str, str], int]]


def _topic_book(found: _Found) -> TopicBook:
    return TopicBook({end: _sum(found, _RECORDS, end=end) for end in RecordEnd})


def _destination_book(found: _Found) -> DestinationBook:
    return DestinationBook(
        exports=_sum(found, _CONSIDERED, end=RecordEnd.ACTIVATED),
        fetched=_sum(found, _FETCHED),
        attempts=_sum(found, _ATTEMPTS),
        ends={end: _sum(found, _ENDED, end=end) for end in ExportEnd},
    )


def _sum(found: _Found, wanted: str, **labels: str) -> int:
    return sum(value for name, got, value in found if name == wanted and labels.items() <= got.items())
