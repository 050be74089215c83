"""The topics that a worker needs beside its inputs: planned without a change, or created."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from streams.brokers import Brokers
from streams.configuration.settings import Settings
from streams.destinations import Destination
from streams.topics import cluster
from streams.topics import plan as topics
from streams.topics.plan import Topic, TopicError

ANSWER_SECONDS = 10.0
"""How long a command waits for the broker; a worker waits for ever."""


class State(StrEnum):
    """How a topic that is needed is found."""

    EXISTS = "exists"
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Planned:
    """A topic that is needed, how it is found, and how to mend it where it is wrong."""

    topic: Topic
    state: State
    problems: tuple[str, ...] = ()


def needed(app: str, destinations: Iterable[Destination], partitions: int) -> list[Topic]:
    """Return what a worker's topics must be, with as many *partitions* as its inputs have."""
    exports = [topics.exports(app, destination.incarnation, partitions) for destination in destinations]
    shared = [topics.dead_letters(app, partitions), topics.changelog(app, partitions)]
    return [*exports, *shared, topics.destinations(app), topics.status(app)]


async def plan(settings: Settings, destinations: Sequence[Destination]) -> list[Planned]:
    """Return each topic and how it is found, changing nothing; raises TopicError for the inputs, TimeoutError."""
    brokers = settings.kafka.brokers
    return [await _found(brokers, topic) for topic in await _needed(settings, destinations)]


async def apply(settings: Settings, destinations: Sequence[Destination]) -> list[str]:
    """Create what is missing and return the names; TopicError where an input, or one that is there, is wrong."""
    specs = await _needed(settings, destinations)
    kafka = settings.kafka
    return await cluster.ensure(kafka.brokers, specs, replication_factor=kafka.replication_factor)


async def _needed(settings: Settings, destinations: Sequence[Destination]) -> list[Topic]:
    brokers, inputs = settings.kafka.brokers, settings.inputs
    await cluster.wait_for_broker(brokers, within_seconds=ANSWER_SECONDS)
    names = [topic for _, topic in inputs.roles()]
    return needed(settings.app, destinations, await cluster.partitions_of(brokers, names, inputs.partitions))


async def _found(brokers: Brokers, topic: Topic) -> Planned:
    try:
        await cluster.ensure(brokers, [topic], create=False)
    except TopicError as error:
        absent = error.problems == (topics.absence(topic),)
        return Planned(topic, State.MISSING) if absent else Planned(topic, State.WRONG, error.problems)
    return Planned(topic, State.EXISTS)
