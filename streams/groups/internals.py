"""The private names of aiokafka that this room rests on, and whether they are all there.

A version that was read and tested has them; one whose number was not changed but whose code was, does not start.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.producer.message_accumulator import MessageAccumulator, MessageBatch
from aiokafka.producer.sender import Sender

NAMES: Mapping[type, tuple[str, ...]] = {
    AIOKafkaAdminClient: ("_send_request",),
    AIOKafkaClient: ("_get_conn", "_conns"),
    AIOKafkaConnection: ("send", "connected", "close", "_writer", "_protocol"),
    AIOKafkaConsumer: ("_coordinator", "_client"),
    AIOKafkaProducer: ("client", "_message_accumulator", "_sender"),
    Assignment: ("active",),
    GroupCoordinator: (
        *("_send_req", "reset_generation", "_do_commit_offsets", "fetch_committed_offsets"),
        *("_rebalance_timeout_ms", "_session_timeout_ms"),
    ),
    MessageAccumulator: ("fail_all", "_batches", "_pending_batches"),
    MessageBatch: ("future", "_drain_waiter"),
    Sender: ("close",),
}
"""What each class must have, as a method or as what its ``__init__`` sets."""


def missing(names: Mapping[type, tuple[str, ...]] = NAMES) -> list[str]:
    """Return what is not there, each as ``class.name``."""
    return [f"{kind.__name__}.{name}" for kind, wanted in names.items() for name in wanted if not _has(kind, name)]


def _has(kind: type, name: str) -> bool:
    return hasattr(kind, name) or name in kind.__init__.__code__.co_names  # type: ignore[misc]  # never a C class
