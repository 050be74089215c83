"""``streams re-export``: asks the worker that owns a profile to export it to one destination, as it is now."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import click
import orjson

from streams.activation.partitioners import HASHES, murmur2
from streams.commands.held import held
from streams.commands.helps import UNREACHED, WRONG_OR_REFUSED, epilog
from streams.commands.known import in_force
from streams.commands.options import author
from streams.commands.shared import config_option, configuration_errors, fail, on_cluster, output_option, read_settings
from streams.configuration.settings import Settings
from streams.exports import Position, changelog_topic
from streams.profile_commands import ReExport, commands_topic, encode_command
from streams.registry.opening import looked_at
from streams.registry.records import DESTINATION
from streams.sampling.placement import Explained, placement
from streams.sampling.samples import sample
from streams.stopping import stopped
from streams.topics import cluster

SAMPLED = 1_000
"""Profiles that are looked at for where the inputs' producers place keys."""
CONFIRM_SECONDS = 30


@click.command(
    name="re-export",
    short_help="Export one profile to one destination, as it is now.",
    epilog=epilog(
        "streams re-export --profile p-1 --destination crm",
        "streams re-export --profile p-1 --destination crm --output json",
        done="asked: the broker has confirmed it, and the worker that owns the profile exports it",
        failed=f"it cannot be told where the profile lives; no worker has made the topic of commands; {UNREACHED}",
        wrong=f"{WRONG_OR_REFUSED}; no destination has this name, or it is exported nothing more",
    ),
)
@click.option("--profile", required=True, help="The profile id, the key of its records.")
@click.option("--destination", "name", required=True, help="The destination's name.")
@click.option(
    "--partition",
    type=click.IntRange(0),
    help="Where the profile's records are; needed only where the setting partitioner is any and nothing explains it.",
)
@config_option
@output_option
def re_export(profile: str, name: str, partition: int | None, config: Path | None, output: str) -> None:
    """Export one profile to one destination, as it is now: attributes, identities and all mapped memberships.

    It goes out with the trigger `re-export` and in order with all else of the profile. Nothing is sent of a profile
    that was never in a mapped segment. What is told here is where the request stands.
    """
    with configuration_errors():
        settings = read_settings(config)
    asked = on_cluster(ask(settings, profile, name, partition))
    if output == "json":
        told = {"topic": asked.topic, "partition": asked.partition, "offset": asked.offset}
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        click.echo(asked.text)


async def ask(settings: Settings, profile: str, name: str, partition: int | None) -> Position:
    """Write the request for the incarnation in force, and return where it stands once the broker has confirmed it."""
    async with looked_at(settings) as registry:
        version = in_force(registry, DESTINATION, name)
        if (why := held(registry, name)) is not None:
            click.echo(why, err=True)
    if version.life != "live":
        raise click.UsageError(f"destination {name} is {version.life}: it is exported nothing more")
    command = ReExport(destination=f"{name}.{version.number}", version=version.min_version, by=author().by)
    topic, key = commands_topic(settings.app), profile.encode()
    partitions = (await cluster.counts(settings.kafka.brokers)).get(topic)
    if partitions is None:
        fail(f"topic {topic} does not exist: start a worker, or run 'streams topics apply'")
    if partition is not None and partition >= partitions:
        raise click.UsageError(f"topic {topic} has the partitions 0 to {partitions - 1}, --partition is {partition}")
    if partition is None:
        partition = await _home(settings, key, partitions)
    return await _written(settings, topic, partition, key, encode_command(command))


async def _home(settings: Settings, key: bytes, partitions: int) -> int:
    """Return where the profile's records are."""
    sampled: set[tuple[bytes, int]] = set()
    if settings.partitioner not in HASHES:
        sampled = await _profiles(settings, partitions)
    found = home(key, partitions, settings.partitioner, sampled)
    if found is None:
        fail("neither murmur2 nor crc32 explains where the profiles are: say where this one is, with --partition N")
    return found


def home(key: bytes, partitions: int, partitioner: str, profiles: Collection[tuple[bytes, int]]) -> int | None:
    """Return the partition of a profile; where no *partitioner* is set, the one that explains where *profiles* are.

    None where nothing explains it. Where too few are there to tell, it is murmur2.
    """
    if partitioner not in HASHES:
        known = {number for profile, number in profiles if profile == key}
        if len(known) == 1:
            return known.pop()
        partitioner = placement(profiles, partitions, partitioner).explained
    if partitioner == Explained.NEITHER:
        return None
    return HASHES.get(partitioner, murmur2)(key) % partitions


async def _profiles(settings: Settings, partitions: int) -> set[tuple[bytes, int]]:
    consumer = settings.kafka.brokers.consumer(enable_auto_commit=False, isolation_level="read_committed")
    try:
        await consumer.start()
        records = await sample(consumer, changelog_topic(settings.app), partitions, SAMPLED, newest=True)
        return {(record.key, record.partition) for record in records if record.key is not None}
    finally:
        await stopped(consumer.stop())


async def _written(settings: Settings, topic: str, partition: int, key: bytes, value: bytes) -> Position:
    producer = settings.kafka.brokers.producer(acks="all", request_timeout_ms=CONFIRM_SECONDS * 1000)
    try:
        await producer.start()
        confirmed = await producer.send_and_wait(topic, value, key, partition=partition)
    finally:
        await stopped(producer.stop())
    return Position(topic, confirmed.partition, confirmed.offset, confirmed.timestamp)
