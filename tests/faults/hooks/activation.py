"""What switches activation's measures off: what is written before what, by whom, and what a defect costs."""

from __future__ import annotations

from itertools import count
from typing import Any

from streams.activation import agents, owing, stage
from streams.activation.agents import Agents
from streams.activation.outbox import Outbox
from streams.activation.producing import Producing
from tests.faults.hooks.replacing import replaced

FAULTY = 600
"""So many records are taken by a process before it fails at one."""


def acknowledge_early() -> None:
    """Acknowledge a record when it is applied, before the broker has confirmed its rows."""

    def reader(self: Any, source: Any, topic: str, outbox: Any) -> Any:
        apply = stock(self, source, topic, outbox)

        def take(message: Any) -> None:
            apply(message)
            self._acknowledge(message)

        return take

    stock = replaced(Agents, "reader", reader)


def faulty_handle() -> None:
    """Fail at one record, whichever comes then: the defect is ours, not the record's."""
    taken = count(1)

    def reader(self: Any, source: Any, topic: str, outbox: Any) -> Any:
        apply = stock(self, source, topic, outbox)

        def take(message: Any) -> None:
            if not next(taken) % FAULTY:
                raise RuntimeError("a defect that a test has put in")
            apply(message)

        return take

    stock = replaced(Agents, "reader", reader)


def exports_first() -> None:
    """Send all rows of a round at once, its exports beside the changelog's."""

    def init(self: Any, *given: Any, ahead: Any = None, **named: Any) -> None:
        stock(self, *given, **named)

    stock = replaced(Outbox, "__init__", init)


def store_early() -> None:
    """Write the disk when a record is applied, before the broker has confirmed its rows."""

    def apply(self: Any, change: Any, message: Any, *given: Any) -> Any:
        step = stock(self, change, message, *given)
        written = self._unconfirmed[message.partition].get(message.key)
        state = self._table._states.get(message.partition)
        if written is not None and state is not None and state.offset is not None:
            state.apply([(message.key, written[1])], state.offset, ours=True)
        return step

    stock = replaced(Agents, "_apply", apply)


def no_idempotence() -> None:
    """Write with a producer that the broker knows nothing of."""

    def create(**named: Any) -> Any:
        return stock(**{**named, "enable_idempotence": False})

    stock = replaced(stage, "AIOKafkaProducer", create)


def forget_owed() -> None:
    """Acknowledge a record whose export a topic refuses, and note nothing."""
    for module in (agents, owing):
        replaced(module, "owe", lambda *_: None)


def keep_abandoned() -> None:
    """Let a producer hold what was not confirmed when partitions went, and write it when it can."""
    replaced(Producing, "abandon", lambda _: None)
