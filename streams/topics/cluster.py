"""The cluster as the worker finds it at start: awaited, asked for its topics, given the ones of ours that it lacks.

A topic that is there and wrong is never changed, because that is for who owns the data to decide: TopicError says what
was expected, what is there and how to mend it, of all topics at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from streams.brokers import Brokers
from streams.codes import Refusal, coded
from streams.refusals import AccessError, Trouble, beyond, knocked
from streams.topics.plan import (
    Compaction,
    Found,
    Topic,
    TopicError,
    absence,
    agreed_partitions,
    compaction,
    flaws,
)

_RETRY_SECONDS = 0.5
_LED_RETRY_SECONDS = 0.1
_LED_WITHIN_SECONDS = 30.0
_BROKERS_DEFAULT = -1
"""As a replication factor: what the cluster does by default (KIP-464)."""


async def wait_for_broker(
    brokers: Brokers, *, say_every_seconds: float = 10.0, within_seconds: float | None = None
) -> None:
    """Return once a cluster with a controller answers; until then say why not in the log at every interval.

    It waits for ever unless *within_seconds* is given, then raises TimeoutError; AccessError where we are refused.
    """
    troubles: list[Trouble] = []
    try:
        async with asyncio.timeout(within_seconds):
            await _answer(brokers, say_every_seconds, troubles)
    except TimeoutError as error:
        why = "".join(f": {trouble.why}" for trouble in troubles[-1:])
        raise TimeoutError(f"no Kafka answered at {brokers} within {within_seconds} s{why}") from error


async def _answer(brokers: Brokers, say_every_seconds: float, troubles: list[Trouble]) -> None:
    loop = asyncio.get_running_loop()
    say_at = loop.time()
    while (trouble := await _trouble(brokers)) is not None:
        if trouble.certain:
            raise AccessError(trouble.why)
        troubles[:] = [trouble]
        if loop.time() >= say_at:
            structlog.get_logger().warning("kafka.awaited", bootstrap_servers=str(brokers), why=trouble.why)
            say_at = loop.time() + say_every_seconds
        await asyncio.sleep(_RETRY_SECONDS)


async def _trouble(brokers: Brokers) -> Trouble | None:
    # Asked first: an admin client would hide why it is kept out, and log each refusal.
    if (trouble := await knocked(brokers)) is not None:
        return trouble
    try:
        async with _administration(brokers) as admin:
            cluster = await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError):
        return await beyond(brokers)
    led = any(broker["node_id"] == cluster["controller_id"] for broker in cluster["brokers"])
    return None if led else Trouble(coded("the cluster has no controller yet", Refusal.CLUSTER_NOT_READY))


async def partitions_of(brokers: Brokers, inputs: Collection[str], expected: int | None = None) -> int:
    """Return the number of partitions that all *inputs* have; TopicError when one is missing or disagrees."""
    there = await counts(brokers)
    return agreed_partitions({name: there.get(name) for name in inputs}, expected)


async def counts(brokers: Brokers) -> dict[str, int]:
    """Return the number of partitions of each topic that is there."""
    async with _administration(brokers) as admin:
        return await _described(admin)


async def configurations(brokers: Brokers, names: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """Return the effective configuration of each topic that is there and may be described."""
    async with _administration(brokers) as admin:
        return await _configs(admin, names)


async def compaction_of(brokers: Brokers, topic: str) -> Compaction:
    """Return how long *topic* keeps its tombstones, and the cluster that it is on."""
    async with _administration(brokers) as admin:
        cluster = await admin.describe_cluster()
        configs = await _configs(admin, [topic])
    return compaction(configs.get(topic, {}), cluster.get("cluster_id"))


async def ensure(
    brokers: Brokers,
    specs: Sequence[Topic],
    *,
    replication_factor: int | None = None,
    create: bool = True,
    spared: Collection[str] = (),
) -> list[str]:
    """Make every topic be there and right; return the names of those created, which have leaders by then.

    Nothing is created when one that exists is wrong. Without *create*, a missing one is a problem like any other. That
    we may not create or see one of the *spared* is no problem: what needs it says so, and nothing else is kept back.
    """
    async with _administration(brokers) as admin:
        there = await _described(admin)
        missing = [spec for spec in specs if spec.name not in there]
        problems = await _flaws(admin, [spec for spec in specs if spec.name in there], there)
        if not create:
            problems += [absence(spec) for spec in missing]
        if problems:
            raise TopicError(problems)
        return await _create(admin, missing, replication_factor or _BROKERS_DEFAULT, spared)


async def exists(brokers: Brokers, topic: str) -> bool:
    """Whether *topic* is there, and may be described."""
    async with _administration(brokers) as admin:
        return topic in await _described(admin)


async def delete(brokers: Brokers, topic: str) -> None:
    """Delete *topic*, if it is there; raises KafkaError where that is refused."""
    async with _administration(brokers) as admin:
        answer = await admin.delete_topics([topic])
    for _, code, *_ in answer.topic_error_codes:
        if (error := for_code(code)) not in (NoError, UnknownTopicOrPartitionError):
            raise error(f"topic {topic} cannot be deleted")


async def _create(
    admin: AIOKafkaAdminClient, specs: Sequence[Topic], replication_factor: int, spared: Collection[str]
) -> list[str]:
    if not specs:
        return []
    answer = await admin.create_topics([_new(spec, replication_factor) for spec in specs])
    errors = {name: (for_code(code), text) for name, code, text in answer.topic_errors if code != 0}
    withheld = {each for each in spared if each in errors and errors[each][0] is TopicAuthorizationFailedError}
    taken = [spec for spec in specs if spec.name in errors and errors[spec.name][0] is TopicAlreadyExistsError]
    problems = [
        coded(f"topic {name} could not be created: {text or error.description}", Refusal.TOPIC_NOT_CREATED)
        for name, (error, text) in errors.items()
        if error is not TopicAlreadyExistsError and name not in withheld
    ]
    if problems:
        raise TopicError(problems)
    ours = [spec for spec in specs if spec.name not in withheld]
    there = await _until_led(admin, [spec.name for spec in ours])
    if problems := await _flaws(admin, taken, there):  # another worker was faster, and may be configured otherwise
        raise TopicError(problems)
    return _created([spec.name for spec in ours if spec not in taken], withheld)


def _created(names: list[str], withheld: Collection[str]) -> list[str]:
    """Say which topics were created, and which Kafka withholds from us; return the former."""
    if withheld:
        structlog.get_logger().error("topics.withheld", topics=sorted(withheld), code="not-authorized")
    if names:
        structlog.get_logger().info("topics.created", topics=names)
    return names


def _new(spec: Topic, replication_factor: int) -> NewTopic:
    # aiokafka takes a default replication factor only together with assignments, of which there are none.
    assignments: dict[int, list[int]] | None = {} if replication_factor == _BROKERS_DEFAULT else None
    return NewTopic(spec.name, spec.partitions, replication_factor, assignments, dict(spec.config))


async def _until_led(admin: AIOKafkaAdminClient, names: Sequence[str]) -> Mapping[str, int]:
    async with asyncio.timeout(_LED_WITHIN_SECONDS):
        while True:
            there = await _described(admin, led=True)
            if all(name in there for name in names):
                return there
            await asyncio.sleep(_LED_RETRY_SECONDS)


async def _described(admin: AIOKafkaAdminClient, *, led: bool = False) -> dict[str, int]:
    """Return every topic's partition count; never asked by name, since some brokers create what is asked for."""
    return {
        each["topic"]: len(each["partitions"])
        for each in await admin.describe_topics()
        if each["error_code"] == 0 and not (led and any(part["leader"] < 0 for part in each["partitions"]))
    }


async def _flaws(admin: AIOKafkaAdminClient, specs: Sequence[Topic], there: Mapping[str, int]) -> list[str]:
    if not specs:
        return []
    configs = await _configs(admin, [spec.name for spec in specs])
    return [flaw for spec in specs for flaw in flaws(spec, Found(there[spec.name], configs.get(spec.name)))]


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, Mapping[str, str]]:
    """Return the effective configuration of each topic that may be described."""
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for code, _, _, name, entries in answer.resources
        if code == 0
    }


@asynccontextmanager
async def _administration(brokers: Brokers) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = brokers.admin()
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()
