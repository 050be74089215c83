"""The worker's own topics: what each must be, and what is wrong with one that is there. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from streams.codes import Advice, Refusal, coded
from streams.exports import MAX_RECORD_BYTES, changelog_topic, dead_letters_topic, exports_topic
from streams.profile_commands import commands_topic

_DAY_MS = 24 * 60 * 60 * 1000

_FOREVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
_LIMITS = ("retention.ms", "retention.bytes")
"""When records are deleted; -1 = never."""
_COMPACT = {"cleanup.policy": "compact"}
_ROOMY = {"max.message.bytes": str(MAX_RECORD_BYTES)}
"""A profile of several sources, each of up to 1 MiB, must fit; a broker's own default is 1 MiB."""
_ADJUSTABLE = frozenset(_ROOMY)


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic must be; *config* holds whatever a broker's own default must not decide.

    An existing topic must agree with *config*, except for the *adjustable* keys, which are the operator's to choose;
    but it must take what we write, so ``max.message.bytes`` may only be larger.
    """

    name: str
    partitions: int
    config: Mapping[str, str]
    adjustable: frozenset[str] = field(default=frozenset())


class TopicError(Exception):
    """Topics are missing or wrong; *problems* has one text for each, with the way to mend it."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


def exports(app: str, incarnation: str, partitions: int) -> Topic:
    """Return a destination's durable queue: Kafka must never delete from it what was not delivered."""
    return Topic(exports_topic(app, incarnation), partitions, _FOREVER | _ROOMY, _ADJUSTABLE)


def dead_letters(app: str, partitions: int) -> Topic:
    """Return what could not be read or delivered, kept for 30 days unless the operator chooses otherwise."""
    return _kept(dead_letters_topic(app), partitions, days=30)


def commands(app: str, partitions: int) -> Topic:
    """Return what is asked of the owner of a profile."""
    return _kept(commands_topic(app), partitions, days=7)


def destinations(app: str) -> Topic:
    """Return the documents; one partition, so that they have one order."""
    return Topic(f"{app}.destinations", 1, _COMPACT)


def status(app: str) -> Topic:
    """Return what the workers report."""
    return Topic(f"{app}.status", 1, _COMPACT)


def changelog(app: str, partitions: int) -> Topic:
    """Return the state of the profiles."""
    return Topic(changelog_topic(app), partitions, _COMPACT | _ROOMY, _ADJUSTABLE)


def _kept(name: str, partitions: int, *, days: int) -> Topic:
    config = {"cleanup.policy": "delete", "retention.ms": str(days * _DAY_MS)} | _ROOMY
    return Topic(name, partitions, config, _ADJUSTABLE | {"retention.ms"})


@dataclass(frozen=True, slots=True)
class Found:
    """What a topic is; *config* is None when it could not be read."""

    partitions: int
    config: Mapping[str, str] | None = None


DELETE_RETENTION = "delete.retention.ms"
_DELETE_RETENTION_DEFAULT_MS = _DAY_MS


@dataclass(frozen=True, slots=True)
class Compaction:
    """How long a compacted topic keeps its tombstones, and which cluster it is on (None if that has no name)."""

    delete_retention_seconds: float = _DELETE_RETENTION_DEFAULT_MS / 1000
    cluster_id: str | None = None


def compaction(config: Mapping[str, str], cluster_id: str | None) -> Compaction:
    """Return what a topic's effective *config* says of its tombstones; a broker that does not tell has the default."""
    return Compaction(int(config.get(DELETE_RETENTION, _DELETE_RETENTION_DEFAULT_MS)) / 1000, cluster_id)


def flaws(spec: Topic, found: Found) -> Iterator[str]:
    """Yield what is wrong with an existing topic, and how to mend it."""
    if found.partitions != spec.partitions:
        yield coded(
            f"topic {spec.name} has {found.partitions} partitions, expected {spec.partitions}: keys would not meet. "
            f"If nothing in it is needed any more, delete it with 'kafka-topics.sh --delete --topic {spec.name}' and "
            "start again; otherwise set another app",
            Refusal.TOPIC_PARTITIONS,
        )
    if found.config is None:
        why = f"topic {spec.name} cannot be checked: allow this worker to describe its configuration"
        yield coded(why, Refusal.TOPIC_HIDDEN)
        return
    for key, expected in spec.config.items():
        actual = found.config.get(key, expected)  # a broker that does not tell has no such setting
        if (key not in spec.adjustable and actual != expected) or _takes_too_little(key, actual, expected):
            remedy = f"mend it with {_altered(spec.name, key, expected)}"
            yield coded(f"topic {spec.name} has {key}={actual}, expected {expected}: {remedy}", Refusal.TOPIC_CONFIG)


def _altered(topic: str, key: str, value: str) -> str:
    """Return the command of Kafka's own that sets *key* of a topic."""
    return f"'kafka-configs.sh --alter --entity-type topics --entity-name {topic} --add-config {key}={value}'"


def _takes_too_little(key: str, actual: str, expected: str) -> bool:
    return key == "max.message.bytes" and int(actual) < int(expected)


def absence(spec: Topic) -> str:
    """Return what to do about a topic of ours that is missing and that the worker may not create."""
    config = " ".join(f"--config {shlex.quote(f'{key}={value}')}" for key, value in spec.config.items())
    return coded(
        f"topic {spec.name} does not exist, or may not be described, and topics.create is false: create it with "
        f"'kafka-topics.sh --create --topic {spec.name} --partitions {spec.partitions} {config}'",
        Refusal.TOPIC_ABSENT,
    )


def doubts(name: str, config: Mapping[str, str], *, is_profile: bool) -> Iterator[str]:
    """Yield what is probably not meant in the configuration of an input, which is the user's to choose, and why."""
    policies = config.get("cleanup.policy", "").split(",")
    if is_profile and "delete" in policies and not all(config.get(key) == "-1" for key in _LIMITS):
        kept = ", ".join(f"{key}={config[key]}" for key in _LIMITS if key in config)
        yield coded(
            f"profile input {name} has cleanup.policy={','.join(policies)} ({kept}): a profile that is not written for "
            "so long is unknown to whoever reads the topic from its beginning, such as another app, or one whose "
            f"changelog is lost; keep the last record of each with {_altered(name, 'cleanup.policy', 'compact')}",
            Advice.INPUT_POLICY,
        )
    if not is_profile and "compact" in policies:
        yield coded(
            f"membership input {name} has cleanup.policy={','.join(policies)}: only the last record of a profile is "
            "kept, so what it was told of other segments is gone before a worker that is behind, or new, reads it; "
            f"keep all with {_altered(name, 'cleanup.policy', 'delete')}",
            Advice.INPUT_POLICY,
        )


def agreed_partitions(inputs: Mapping[str, int | None], expected: int | None) -> int:
    """Return the one number of partitions of all *inputs* (None = missing); TopicError lists every disagreement."""
    missing = [
        coded(
            f"input topic {name} does not exist, or may not be described: create it, correct its name under inputs, or "
            "allow this worker to describe it",
            Refusal.INPUT_MISSING,
        )
        for name, count in inputs.items()
        if count is None
    ]
    counts = {name: count for name, count in inputs.items() if count is not None}
    wanted = {expected} if expected is not None else set(counts.values())
    problems = [*missing, *_disagreements(counts, expected, wanted)]
    if problems:
        raise TopicError(problems)
    return wanted.pop()


def changes(inputs: Mapping[str, int | None], partitions: int) -> list[str]:
    """Return what has become of *inputs* (None = gone) that had so many *partitions*, and how to mend it."""
    changed = {name: count for name, count in inputs.items() if count != partitions}
    return [coded(_change(name, count, partitions), Refusal.INPUT_CHANGED) for name, count in changed.items()]


def _change(name: str, count: int | None, partitions: int) -> str:
    if count is None:
        return f"input topic {name} is gone: make it again, with {partitions} partitions, or name another under inputs"
    return (
        f"input topic {name} has {count} partitions now, and had {partitions}: keys have other places, so no more is "
        "read. Kafka cannot take partitions away: see 'More partitions' in the README"
    )


def _disagreements(counts: Mapping[str, int], expected: int | None, wanted: Collection[int]) -> list[str]:
    if expected is not None:
        asked = f"expected {expected}, as inputs.partitions says: correct that, or name a topic that has as many"
        wrong = {name: count for name, count in counts.items() if count != expected}
        return [
            coded(f"input topic {name} has {count} partitions, {asked}", Refusal.INPUT_PARTITIONS)
            for name, count in wrong.items()
        ]
    if len(wanted) <= 1:
        return []
    listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
    remedy = "copy those that differ, record by record, into new topics with the right number, and name these"
    why = f"the inputs must have the same number of partitions, so that a profile's records meet: {listed}; {remedy}"
    return [coded(why, Refusal.INPUT_PARTITIONS)]
