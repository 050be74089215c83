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
    shared = [topics.dead_letters(app, partitions), topics.commands(app, partitions), topics.changelog(app, partitions)]
    return [*exports, *shared, topics.destinations(app), topics.status(app)]


async def partitions(settings: Settings, *, reads_inputs: bool) -> int:
    """Return the number of partitions that all inputs, and ours, have; TopicError where the inputs do not agree.

    Whoever does not read them goes by ours, so that what was exported is delivered although the inputs have changed.
    """
    brokers, inputs, ours = settings.kafka.brokers, settings.inputs, topics.dead_letters(settings.app, 1).name
    there = None if reads_inputs else (await cluster.counts(brokers)).get(ours)
    return there or await cluster.partitions_of(brokers, [name for _, name in inputs.roles()], inputs.partitions)


async def plan(settings: Settings, destinations: Sequence[Destination]) -> list[Planned]:
    """Return each topic and how it is found, changing nothing; raises TopicError for the inputs, TimeoutError."""
    brokers = settings.kafka.brokers
    return [await _found(brokers, topic) for topic in await _needed(settings, destinations)]


async def apply(settings: Settings, destinations: Sequence[Destination]) -> list[str]:
    """Create what is missing and return the names; TopicError where an input, or one that is there, is wrong."""
    specs = await _needed(settings, destinations)
    kafka = settings.kafka
    return await cluster.ensure(kafka.brokers, specs, replication_factor=kafka.replication_factor)


async def doubts(settings: Settings) -> list[str]:
    """Return what is probably not meant in the inputs' configurations; one that may not be described is passed over."""
    roles = {topic: path[0] == "profiles" for path, topic in settings.inputs.roles()}
    found = await cluster.configurations(settings.kafka.brokers, list(roles))
    return [doubt for name, config in found.items() for doubt in topics.doubts(name, config, is_profile=roles[name])]


async def _needed(settings: Settings, destinations: Sequence[Destination]) -> list[Topic]:
    await cluster.wait_for_broker(settings.kafka.brokers, within_seconds=ANSWER_SECONDS)
    return needed(settings.app, destinations, await partitions(settings, reads_inputs=True))


async def _found(brokers: Brokers, topic: Topic) -> Planned:
    try:
        await cluster.ensure(brokers, [topic], create=False)
    except TopicError as error:
        absent = error.problems == (topics.absence(topic),)
        return Planned(topic, State.MISSING) if absent else Planned(topic, State.WRONG, error.problems)
    return Planned(topic, State.EXISTS)
