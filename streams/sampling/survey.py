"""Looks at the inputs on the broker: their partitions, a sample of each, and what follows from all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from streams.activation.events import Input, Kind
from streams.configuration.meanings import inputs_of
from streams.configuration.settings import Settings
from streams.sampling.findings import Finding, finding
from streams.sampling.overlaps import Overlap, keys_of, overlap, problems
from streams.sampling.proposals import combined
from streams.sampling.samples import Sampled, sample
from streams.stopping import stopped
from streams.topics import cluster, provision
from streams.topics.plan import TopicError, agreed_partitions


class Report(msgspec.Struct, frozen=True):
    """What was found; *wrong* are topics that a worker would refuse, *problems* stand between the inputs."""

    inputs: list[Finding]
    overlaps: list[Overlap]
    wrong: list[str]
    problems: list[str]
    warnings: list[str]
    declaration: str | None
    """All that is proposed, as one text to paste; None where there is nothing, or it does not fit together."""

    @property
    def is_well(self) -> bool:
        """Whether every record of the samples would be read, and could meet the others of its profile."""
        return not (self.problems or any(each.problems for each in self.inputs))


async def survey(settings: Settings, topics: Sequence[str], most: int, *, newest: bool, now_ms: int) -> Report:
    """Return what is found of *topics*, or of the declared inputs where none is named; raises KafkaError."""
    declared = inputs_of(settings)
    names = list(topics) or list(declared)
    there = await cluster.counts(settings.kafka.brokers)
    samples = await _samples(settings, {name: there[name] for name in names if name in there}, most, newest=newest)
    findings = [
        finding(name, declared.get(name), there[name], found, partitioner=settings.partitioner, now_ms=now_ms)
        for name, found in samples.items()
    ]
    overlaps = _overlaps(declared, findings, samples)
    return Report(
        inputs=findings,
        overlaps=overlaps,
        wrong=_wrong({name: there.get(name) for name in names}, settings.inputs.partitions),
        problems=list(problems(findings, overlaps)),
        warnings=await provision.doubts(settings),
        declaration=_declaration(findings),
    )


def _declaration(findings: Sequence[Finding]) -> str | None:
    texts = [each.proposal for each in findings if each.proposal is not None]
    return combined(texts) if texts else None


async def _samples(
    settings: Settings, partitions: Mapping[str, int], most: int, *, newest: bool
) -> dict[str, list[Sampled]]:
    consumer = settings.kafka.brokers.consumer(enable_auto_commit=False, isolation_level="read_committed")
    try:
        await consumer.start()
        return {topic: await sample(consumer, topic, count, most, newest=newest) for topic, count in partitions.items()}
    finally:
        await stopped(consumer.stop())


def _overlaps(
    declared: Mapping[str, Input], findings: Sequence[Finding], samples: Mapping[str, list[Sampled]]
) -> list[Overlap]:
    keys = {topic: keys_of(topic, found) for topic, found in samples.items()}
    profiles = {each.topic for each in findings if _is_profile(each, declared)}
    return [
        overlap(keys[one], keys[other])
        for one in keys
        if one not in profiles
        for other in keys
        if other in profiles and keys[one].keys and keys[other].keys
    ]


def _is_profile(found: Finding, declared: Mapping[str, Input]) -> bool:
    if found.topic in declared:
        return declared[found.topic].kind is Kind.FRAGMENT
    return found.proposal is not None and "profiles:" in found.proposal


def _wrong(counts: Mapping[str, int | None], expected: int | None) -> list[str]:
    try:
        agreed_partitions(counts, expected)
    except TopicError as error:
        return list(error.problems)
    return []
