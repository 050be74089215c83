"""The books of a run: how records and exports ended by the worker's own figures, and whether they close.

Every record that was sent to a topic has one end; every destination's exports are on Kafka, and each of them ended or
is pending; the endpoint received the requests that were made. What the worker says is held against what the demo saw
itself: what it sent, what it read on Kafka, what its endpoint received.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from streams.ends import ExportEnd, RecordEnd


@dataclass(frozen=True, slots=True)
class TopicBook:
    """How the records of an input topic ended."""

    ends: Mapping[RecordEnd, int] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """All records that have ended."""
        return sum(self.ends.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationBook:
    """What was considered for a destination, what became of its exports, in how many requests; and how it stands."""

    considered: Mapping[RecordEnd, int] = field(default_factory=dict)
    exclusions: Mapping[str, int] = field(default_factory=dict)
    """The excluded ones by why."""
    ends: Mapping[ExportEnd, int] = field(default_factory=dict)
    pending: int = 0
    attempts: int = 0
    resent: int = 0
    """Requests made again at once since their connection was closed: the endpoint may not have received the first."""
    state: str = ""
    reason: str = ""

    @property
    def exports(self) -> int:
        """All exports that were made of what was considered."""
        return self.considered.get(RecordEnd.ACTIVATED, 0)

    @property
    def ended(self) -> int:
        """All exports that have ended."""
        return sum(self.ends.values())

    @property
    def waiting(self) -> int:
        """The exports that have not ended, whether they are fetched or still on Kafka."""
        return max(0, self.exports - self.ended)

    def count(self, end: ExportEnd) -> int:
        """Return how many exports ended so."""
        return self.ends.get(end, 0)


@dataclass(frozen=True, slots=True)
class Books:
    """The figures of one worker by topic and by destination."""

    topics: Mapping[str, TopicBook] = field(default_factory=dict)
    destinations: Mapping[str, DestinationBook] = field(default_factory=dict)

    def topic(self, name: str) -> TopicBook:
        """Return a topic's book, an empty one if the worker has none."""
        return self.topics.get(name, TopicBook())

    def destination(self, name: str) -> DestinationBook:
        """Return a destination's book, an empty one if the worker has none."""
        return self.destinations.get(name, DestinationBook())


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen without asking the worker."""

    sent: Mapping[str, int] = field(default_factory=dict)
    """Records by topic."""
    exports: Mapping[str, int] = field(default_factory=dict)
    """Exports read on Kafka, by destination."""
    dead_letters: int = 0
    """Dead letters read on Kafka."""
    requests: Mapping[str, int] = field(default_factory=dict)
    """Requests that the endpoint received, by destination."""
    taken: Mapping[str, int] = field(default_factory=dict)
    """The requests among them that were answered with 2xx."""


def missing(books: Books, seen: Seen) -> list[str]:
    """Return, as sentences, what is still under way."""
    return [*_records_under_way(books, seen), *_exports_under_way(books, seen), *_letters_under_way(books, seen)]


def _records_under_way(books: Books, seen: Seen) -> Iterator[str]:
    for topic, count in seen.sent.items():
        ended = books.topic(topic).records
        if ended < count:
            yield f"{topic}: {ended} of {count} records have ended"


def _exports_under_way(books: Books, seen: Seen) -> Iterator[str]:
    for name, book in books.destinations.items():
        if book.ended < book.exports:
            yield f"{name}: {book.ended} of {book.exports} exports have ended"
        if seen.exports.get(name, 0) < book.exports:
            yield f"{name}: {seen.exports.get(name, 0)} of {book.exports} exports were read on Kafka"


def _letters_under_way(books: Books, seen: Seen) -> Iterator[str]:
    written = dead_letters(books)
    if seen.dead_letters < written:
        yield f"{seen.dead_letters} of {written} dead letters were read on Kafka"


def dead_letters(books: Books) -> int:
    """Return how many dead letters the worker has written, of records and of exports."""
    malformed = sum(book.ends.get(RecordEnd.MALFORMED, 0) for book in books.topics.values())
    return malformed + sum(book.count(ExportEnd.DEAD_LETTERED) for book in books.destinations.values())


def differences(books: Books, seen: Seen) -> list[str]:
    """Return, as sentences, where the books do not close; empty when they do."""
    return [*_topics_differ(books, seen), *_destinations_differ(books, seen), *_letters_differ(books, seen)]


def _topics_differ(books: Books, seen: Seen) -> Iterator[str]:
    for topic in sorted({*seen.sent, *books.topics}):
        count, ended = seen.sent.get(topic, 0), books.topic(topic).records
        if ended != count:
            yield f"{topic}: {count} records were sent, {ended} have ended"


def _destinations_differ(books: Books, seen: Seen) -> Iterator[str]:
    for name in sorted({*seen.exports, *seen.requests, *books.destinations}):
        book, exports = books.destination(name), seen.exports.get(name, 0)
        if book.exports != exports:
            yield f"{name}: {book.exports} records were activated, {exports} exports are on Kafka"
        if book.ended + book.pending != exports:
            yield f"{name}: of {exports} exports {book.ended} have ended and {book.pending} are pending"
        if book.count(ExportEnd.DELIVERED) != seen.taken.get(name, 0):
            delivered, taken = book.count(ExportEnd.DELIVERED), seen.taken.get(name, 0)
            yield f"{name}: {delivered} exports were delivered, {taken} requests got a 2xx"
        received = seen.requests.get(name, 0)
        if not book.attempts <= received <= book.attempts + book.resent:
            yield f"{name}: {book.attempts} requests were made, {received} were received"


def _letters_differ(books: Books, seen: Seen) -> Iterator[str]:
    written = dead_letters(books)
    if seen.dead_letters != written:
        yield f"{written} dead letters were written, {seen.dead_letters} are on Kafka"
