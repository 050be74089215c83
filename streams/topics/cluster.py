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
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from streams.topics.plan import Found, Topic, TopicError, absence, agreed_partitions, flaws

_RETRY_SECONDS = 0.5
_LED_RETRY_SECONDS = 0.1
_LED_WITHIN_SECONDS = 30.0
_BROKERS_DEFAULT = -1
"""As a replication factor: what the cluster does by default (KIP-464)."""


async def wait_for_broker(
    bootstrap_servers: Sequence[str], *, say_every_seconds: float = 10.0, within_seconds: float | None = None
) -> None:
    """Return once a cluster with a controller answers; until then say so in the log at every interval.

    It waits for ever unless *within_seconds* is given, then raises TimeoutError.
    """
    try:
        async with asyncio.timeout(within_seconds):
            await _answer(bootstrap_servers, say_every_seconds)
    except TimeoutError as error:
        raise TimeoutError(f"no Kafka answered at {_joined(bootstrap_servers)} within {within_seconds} s") from error


async def _answer(bootstrap_servers: Sequence[str], say_every_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    say_at = loop.time()
    while not await _is_up(bootstrap_servers):
        if loop.time() >= say_at:
            structlog.get_logger().warning("kafka.awaited", bootstrap_servers=_joined(bootstrap_servers))
            say_at = loop.time() + say_every_seconds
        await asyncio.sleep(_RETRY_SECONDS)


async def _is_up(bootstrap_servers: Sequence[str]) -> bool:
    try:
        async with _administration(bootstrap_servers) as admin:
            cluster = await admin.describe_cluster()
    except (KafkaError, OSError, TimeoutError):
        return False
    return any(broker["node_id"] == cluster["controller_id"] for broker in cluster["brokers"])


async def partitions_of(bootstrap_servers: Sequence[str], inputs: Collection[str], expected: int | None = None) -> int:
    """Return the number of partitions that all *inputs* have; TopicError when one is missing or disagrees."""
    async with _administration(bootstrap_servers) as admin:
        there = await _described(admin)
    return agreed_partitions({name: there.get(name) for name in inputs}, expected)


async def ensure(
    bootstrap_servers: Sequence[str],
    specs: Sequence[Topic],
    *,
    replication_factor: int | None = None,
    create: bool = True,
) -> list[str]:
    """Make every topic be there and right; return the names of those created, which have leaders by then.

    Nothing is created when one that exists is wrong. Without *create*, a missing one is a problem like any other.
    """
    async with _administration(bootstrap_servers) as admin:
        there = await _described(admin)
        missing = [spec for spec in specs if spec.name not in there]
        problems = await _flaws(admin, [spec for spec in specs if spec.name in there], there)
        if not create:
            problems += [absence(spec) for spec in missing]
        if problems:
            raise TopicError(problems)
        return await _create(admin, missing, replication_factor or _BROKERS_DEFAULT)


async def _create(admin: AIOKafkaAdminClient, specs: Sequence[Topic], replication_factor: int) -> list[str]:
    if not specs:
        return []
    answer = await admin.create_topics([_new(spec, replication_factor) for spec in specs])
    errors = {name: (for_code(code), text) for name, code, text in answer.topic_errors if code != 0}
    taken = [spec for spec in specs if spec.name in errors and errors[spec.name][0] is TopicAlreadyExistsError]
    problems = [
        f"topic {name} could not be created: {text or error.description}"
        for name, (error, text) in errors.items()
        if error is not TopicAlreadyExistsError
    ]
    if problems:
        raise TopicError(problems)
    there = await _until_led(admin, [spec.name for spec in specs])
    if problems := await _flaws(admin, taken, there):  # another worker was faster, and may be configured otherwise
        raise TopicError(problems)
    created = [spec.name for spec in specs if spec not in taken]
    structlog.get_logger().info("topics.created", topics=created)
    return created


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
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, spec.name) for spec in specs])
    configs: dict[str, Mapping[str, str]] = {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for code, _, _, name, entries in answer.resources
        if code == 0
    }
    return [flaw for spec in specs for flaw in flaws(spec, Found(there[spec.name], configs.get(spec.name)))]


@asynccontextmanager
async def _administration(bootstrap_servers: Sequence[str]) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=list(bootstrap_servers))
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def _joined(bootstrap_servers: Sequence[str]) -> str:
    return ",".join(bootstrap_servers)
