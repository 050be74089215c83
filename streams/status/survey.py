"""Puts an overview together: what the workers report, and what the broker knows, whether or not a worker runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from streams.brokers import Brokers
from streams.exports import delivery_group, exports_topic
from streams.groups.gaps import Birth, Gap, Partition, judge
from streams.groups.journal import Journal
from streams.status.offsets import Offsets, looking
from streams.status.overview import Look, Overview, next_offset, overview, waiting
from streams.status.reader import read

T = TypeVar("T")
BirthOf = Callable[[str, Partition], Birth | None]


@dataclass(frozen=True, slots=True)
class Place:
    """Whose status is asked for; *inputs* are the topics that activation reads."""

    brokers: Brokers
    app: str
    inputs: tuple[str, ...]
    topic: str
    journal: str
    """The topic on which births are recorded."""


async def survey(place: Place, now: Callable[[], float]) -> Overview:
    """Return what stands; *now* is the wall clock. Raises KafkaError where the broker does not answer.

    Destinations are those that have a topic, so that the documents, and their secrets, need not be at hand.
    """
    async with looking(place.brokers) as offsets:
        topics = await offsets.topics()
        reports = (await read(offsets, place.topic)).values() if place.topic in topics else ()
        queues = {topic: place.app for topic in place.inputs if topic in topics}
        exports = incarnations(place.app, topics)
        queues |= {topic: delivery_group(place.app, incarnation) for topic, incarnation in exports.items()}
        async with _births(place, topics) as birth:
            looks = {look.topic: look for look in await _looks(offsets, queues, topics, birth)}
    return overview(
        place.app,
        reports,
        [looks[topic] for topic in queues if topic not in exports],
        {incarnation: looks[topic] for topic, incarnation in exports.items()},
        int(now() * 1000),
    )


def incarnations(app: str, topics: Collection[str]) -> dict[str, str]:
    """Return the incarnations that have a queue, by its topic."""
    prefix = exports_topic(app, "")
    return {topic: topic.removeprefix(prefix) for topic in sorted(topics) if topic.startswith(prefix)}


@asynccontextmanager
async def _births(place: Place, topics: Collection[str]) -> AsyncIterator[BirthOf]:
    """Lend what tells when a group began with a partition: nothing, where no worker has ever run."""
    if place.journal not in topics:
        yield lambda group, partition: None
        return
    journal = Journal(place.brokers, place.journal)
    try:
        await journal.start()
        await journal.caught_up()
        yield journal.birth
    finally:
        await journal.stop()


async def _looks(offsets: Offsets, queues: Mapping[str, str], topics: Mapping[str, int], birth: BirthOf) -> list[Look]:
    groups: dict[str, list[Partition]] = {}
    for topic, group in queues.items():
        groups.setdefault(group, []).extend((topic, number) for number in range(topics[topic]))
    found = {each: it for of_group in (await offsets.found(groups)).values() for each, it in of_group.items()}
    oldest = await offsets.timestamps({each: next_offset(it) for each, it in found.items() if waiting(it)})
    judged = {each: judge(it, birth(queues[each[0]], each)) for each, it in found.items()}
    gaps = {each: it for each, it in judged.items() if isinstance(it, Gap)}
    return [
        Look(topic=topic, group=group, found=_of(topic, found), oldest=_of(topic, oldest), gaps=_of(topic, gaps))
        for topic, group in queues.items()
    ]


def _of(topic: str, values: Mapping[Partition, T]) -> dict[int, T]:
    return {number: value for (of, number), value in values.items() if of == topic}
