"""The producers of what delivery writes: idempotent, and each record is confirmed by all replicas."""

from __future__ import annotations

from functools import partial
from typing import Any

from streams.delivery.asking import Asking
from streams.delivery.dead_letters import CONFIRM_SECONDS, DeadLetters
from streams.delivery.member import Connection
from streams.delivery.on_demand import OnDemand
from streams.exports import MAX_RECORD_BYTES, dead_letters_topic
from streams.groups.producers import ended
from streams.profile_commands import commands_topic


def new_dead_letters(connection: Connection, confirm_seconds: float = CONFIRM_SECONDS) -> DeadLetters:
    """Return the dead letters of a process."""
    topic = dead_letters_topic(connection.app)
    new_producer = partial(_new_producer, connection, "dead-letters")
    return DeadLetters(topic, connection.app, new_producer, ended, confirm_seconds=confirm_seconds)


def new_asking(connection: Connection, confirm_seconds: float = CONFIRM_SECONDS) -> Asking:
    """Return what writes a process's questions to activation."""
    new_producer = partial(_new_producer, connection, "delivery-commands", max_request_size=MAX_RECORD_BYTES)
    return Asking(commands_topic(connection.app), OnDemand(new_producer, ended), confirm_seconds=confirm_seconds)


def _new_producer(connection: Connection, name: str, **options: Any) -> Any:
    return connection.brokers.producer(
        client_id=f"{connection.app}.{name}",
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=10_000,
        metadata_max_age_ms=30_000,
        **options,
        **dict(connection.client),
    )
