"""Readers of the judge's own: each follows one topic of the app from its beginning, without a group."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, TypeAlias, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from tests.brokers.client import Client
from tests.faults.evidence import Asked, Export, Letter

ID_HEADER, META_HEADER, REPLAYS_HEADER = "streams.id", "streams.meta", "streams.replays"
"""What an exports topic carries beside key and body, as its readers are told."""

_LOOK_SECONDS = 0.5
Row = TypeVar("Row")
Record: TypeAlias = "ConsumerRecord[Any, Any]"


class Reader(Generic[Row]):
    """Follows a topic from the moment it exists; ``rows`` are what was read, in order within each partition."""

    def __init__(self, bootstrap: str, topic: str, row: Callable[[Record], Row]) -> None:
        self._bootstrap, self._row = bootstrap, row
        self._task: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self.topic = topic
        self.rows: list[Row] = []
        self.positions: dict[int, int] = {}
        """The next offset to read, by partition."""

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def caught_up(self) -> bool:
        """Whether all that the topic holds by now has been read; nothing is held by a topic that is not there."""
        if self._task is not None and self._task.done():
            self._task.result()  # a reader that has ended has failed, and so has the run
        consumer = self._consumer
        if consumer is None:
            return True
        ends = await consumer.end_offsets(consumer.assignment())
        return all(self.positions.get(tp.partition, 0) >= end or end == 0 for tp, end in ends.items())

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=100,
        )
        try:
            await consumer.start()
            partitions = await _partitions(self._bootstrap, self.topic)
            consumer.assign([TopicPartition(self.topic, partition) for partition in partitions])
            self._consumer = consumer
            while True:
                await self._read(consumer)
        finally:
            self._consumer = None
            await consumer.stop()

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        try:
            batches = await consumer.getmany(timeout_ms=200)
        except KafkaError:  # the broker is away
            await asyncio.sleep(_LOOK_SECONDS)
            return
        for tp, records in batches.items():
            self.rows += [self._row(record) for record in records]
            if records:
                self.positions[tp.partition] = records[-1].offset + 1


async def _partitions(bootstrap: str, topic: str) -> list[int]:
    """Return the partitions of a topic once it exists."""
    while True:
        with suppress(KafkaError):
            if partitions := await Client(bootstrap).partitions(topic):
                return partitions
        await asyncio.sleep(_LOOK_SECONDS)


def export_of(record: Record) -> Export:
    """Return a record of an exports topic as the judge keeps it."""
    headers = dict(record.headers)
    return Export(
        partition=record.partition,
        offset=record.offset,
        at=record.timestamp / 1000,
        profile=record.key.decode(),
        key=headers[ID_HEADER].decode(),
        revision=json.loads(headers[META_HEADER])["revision"],
        body=record.value,
        replays=int(headers.get(REPLAYS_HEADER, b"0")),
    )


def letter_of(record: Record) -> Letter:
    """Return a dead letter as the judge keeps it."""
    headers = {name: value.decode(errors="replace") for name, value in record.headers if value is not None}
    return Letter(
        partition=record.partition,
        offset=record.offset,
        at=record.timestamp / 1000,
        topic=headers["__connect.errors.topic"],
        origin=(int(headers["__connect.errors.partition"]), int(headers["__connect.errors.offset"])),
        reason=headers["streams.reason"],
        key=headers.get(ID_HEADER),
        value=record.value,
        headers=json.dumps(headers),
    )


def asked_of(record: Record) -> Asked:
    """Return a command as the judge keeps it."""
    command = json.loads(record.value)
    replayed = command["id"] if command["command"] == "replay" else None
    return Asked(record.key.decode(), record.timestamp / 1000, command["destination"], replayed)


def raw_of(record: Record) -> Record:
    """Return the record as it is."""
    return record
