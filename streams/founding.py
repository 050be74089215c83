"""Applies the files that a worker's settings name when it starts, as ``streams destinations apply`` does."""

from __future__ import annotations

import asyncio
import time

import structlog
from aiokafka.errors import KafkaError

from streams.configuration.documents import Given, examine
from streams.configuration.problems import ConfigurationError
from streams.configuration.references import References
from streams.configuration.settings import Settings
from streams.registry.applying import apply, standing_of
from streams.registry.creation import Site, begin
from streams.registry.edits import Author
from streams.registry.plans import Change, Plan, Standing, plan
from streams.registry.registry import LostError, Registry

TRIES = 20
"""How often it is begun anew: other workers that start at once write, too, and the broker may be coming up."""
TRY_SECONDS = 0.5


async def found(settings: Settings, registry: Registry, partitions: int, by: str) -> None:
    """Make what the files say be in force; *registry* is read to its end, *by* says who writes.

    What is in force already is not written again. Raises ConfigurationError where a file is wrong.
    """
    for left in reversed(range(TRIES)):
        author = Author(by, int(time.time() * 1000))
        decided = _decided(settings, registry, author)
        try:
            _tell(await apply(decided, registry, lambda each: _begin(settings, registry, partitions, each)))
            return
        except (LostError, KafkaError) as error:
            if not left or (isinstance(error, KafkaError) and not error.retriable):
                raise
        await asyncio.sleep(TRY_SECONDS)
        await registry.caught_up()


async def _begin(settings: Settings, registry: Registry, partitions: int, incarnation: str) -> None:
    kafka = settings.kafka
    site = Site(kafka.brokers, settings.app, partitions, kafka.replication_factor, settings.topics.create)
    await begin(site, incarnation, registry.journal, int(time.time() * 1000))


def _decided(settings: Settings, registry: Registry, author: Author) -> Plan:
    standing = standing_of(registry)
    decided = plan(_given(settings, standing), standing, author)
    for refusal in decided.refusals:
        structlog.get_logger().error("document.refused", why=refusal)
    return decided


def _given(settings: Settings, standing: Standing) -> tuple[Given, ...]:
    findings = examine(settings.documents, References({}, None), standing.accounts, standing.governing)
    if findings.problems:
        raise ConfigurationError(findings.problems)
    return findings.given


def _tell(changes: list[Change]) -> None:
    for each in changes:
        log = structlog.get_logger()
        log.info("document.applied", kind=each.kind, name=each.name, version=each.version.version, action=each.action)
