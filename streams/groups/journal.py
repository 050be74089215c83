"""What must be remembered beside Kafka's offsets: births, documents and the operator's acceptances of gaps.

It stands on a compacted topic of one partition, which each process follows with one consumer without a group. A broker
that goes away is waited for: the journal keeps what it has read and reads on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any, cast
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.brokers import Brokers
from streams.groups.entries import (
    Acceptance,
    Entries,
    Entry,
    acceptance_name,
    birth_name,
    names_of_group,
    remaking_name,
    value_of,
)
from streams.groups.gaps import Birth, Gap, Partition, Resume
from streams.groups.producers import ended
from streams.stopping import stopped

log = logging.getLogger(__name__)

START_SECONDS = 15.0
"""How long the broker may take to answer when the journal starts."""
POLL_MS = 1_000
FETCH_MS = 250
"""How long the broker holds a fetch of nothing: a question on the same connection waits for as long."""
RETRY_SECONDS = 0.5


class Journal:
    """The journal of one process, from ``start`` to ``stop``; what is asked of it is answered from what was read."""

    def __init__(self, brokers: Brokers, topic: str, **client: Any) -> None:
        self._brokers, self._client = brokers, {"client_id": f"{topic}-journal", **client}
        self.topic, self._partition = topic, TopicPartition(topic, 0)
        self._entries = Entries()
        self._consumer: AIOKafkaConsumer | None = None
        self._producer: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None
        self._heard: Callable[[], None] = lambda: None
        self._reached = 0
        self._progress = asyncio.Event()
        self.revision = 0
        """Grows with what is read."""

    async def start(self) -> None:
        """Begin to follow the topic, which must exist; KafkaError or TimeoutError if the broker does not answer."""
        consumer = self._brokers.consumer(
            **self._client, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=FETCH_MS
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                await consumer.start()
        except BaseException:
            await stopped(consumer.stop())
            raise
        consumer.assign([self._partition])
        self._consumer = consumer
        self._following = asyncio.create_task(self._follow(consumer))

    async def stop(self) -> None:
        """Stop following; bounded, whatever the broker does."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
        if self._producer is not None:
            await ended(self._producer)
        if self._consumer is not None:
            await stopped(self._consumer.stop())
        self._producer = self._consumer = self._following = None

    async def caught_up(self) -> None:
        """Return when all that the topic held at the call has been read; a broker that is away is waited for."""
        end = await self._end()
        await self._until(lambda: self._reached >= end)

    async def changed(self, since: int) -> int:
        """Return the *revision* as soon as it is above *since*, the one that the caller has looked at."""
        await self._until(lambda: self.revision > since)
        return self.revision

    def listen(self, heard: Callable[[], None]) -> None:
        """Call *heard* whenever something was read, before anybody is told who waits for it; it must not raise."""
        self._heard = heard

    def birth(self, group: str, partition: Partition) -> Birth | None:
        """Return when *group* began with the partition."""
        return self._entries.birth(group, partition)

    def acceptance(self, group: str, partition: Partition, gap: Gap | None = None) -> Acceptance | None:
        """Return the oldest acceptance of *gap*, or of any gap of the partition."""
        found = self._entries.acceptances(group, partition)
        return next((each for each in found if gap is None or each.answers(gap)), None)

    async def record_births(self, group: str, births: Mapping[Partition, Birth]) -> None:
        """Write down that *group* begins with the partitions; returns when that is confirmed and read back."""
        await self.write({new_key(birth_name(group, each)): value_of(birth) for each, birth in births.items()})

    async def accept(self, group: str, partition: Partition, gap: Gap, resume: Resume, at_ms: int) -> None:
        """Write down that an operator accepts *gap*; returns when that is confirmed and read back."""
        key = new_key(acceptance_name(group, partition))
        await self.write({key: value_of(Acceptance(key, gap.cause, gap.committed, resume, at_ms))})

    def remakings(self, group: str, partition: Partition) -> int:
        """Return how often the partition's offsets have begun again, as *group* was told: its topic was made anew."""
        return self._entries.remakings(group, partition)

    async def record_remaking(self, group: str, partition: Partition, at_ms: int) -> None:
        """Write down that the partition's offsets have begun again; returns when that is confirmed and read back."""
        await self.write({new_key(remaking_name(group, partition)): value_of(at_ms)})

    async def settle(self, acceptance: Acceptance) -> None:
        """Take an acceptance away: it has been acted upon, and must not answer a later gap."""
        await self.write({acceptance.key: None})

    async def forget(self, group: str) -> None:
        """Take away all that is remembered of *group*, which is gone for good."""
        await self.write(dict.fromkeys(entry.key for entry in self.under(*names_of_group(group))))

    def under(self, *beginnings: str) -> list[Entry]:
        """Return the entries whose names begin so, in the order in which they stand."""
        return self._entries.under(beginnings)

    async def write(self, records: Mapping[str, bytes | None]) -> None:
        """Write *records* in their order, None as a tombstone; returns when they are confirmed and read back.

        A key that is no tombstone must be new.
        """
        producer = await self._ready_producer()
        sent = [await producer.send(self.topic, value, key.encode(), partition=0) for key, value in records.items()]
        end = max((each.offset + 1 for each in await asyncio.gather(*sent)), default=0)
        await self._until(lambda: self._reached >= end)

    async def _ready_producer(self) -> AIOKafkaProducer:
        async with self._making:
            if self._producer is None:
                producer = self._brokers.producer(**self._client, acks="all", enable_idempotence=True)
                try:
                    await self._while_followed(producer.start())
                except BaseException:
                    await ended(producer)
                    raise
                self._producer = producer
            return self._producer

    async def _end(self) -> int:
        while True:
            if self._consumer is None:
                raise KafkaConnectionError("the journal is not started")
            with suppress(KafkaError):
                return cast("int", (await self._consumer.end_offsets([self._partition]))[self._partition])
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        trouble = ""
        while True:
            try:
                await self._read(consumer)
                trouble = ""
            except KafkaError as error:
                if type(error).__name__ != trouble:
                    trouble = type(error).__name__
                    log.warning("the journal on %s cannot be read, and is tried again: %s", self.topic, trouble)
                await asyncio.sleep(RETRY_SECONDS)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        records = (await consumer.getmany(timeout_ms=POLL_MS)).get(self._partition, [])
        for record in records:
            self._entries.read(record.key, record.value)
        self.revision += len(records)
        if records:
            self._heard()
        self._reached = max(self._reached, await consumer.position(self._partition))
        self._progress.set()
        self._progress = asyncio.Event()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._while_followed(self._progress.wait())

    async def _while_followed(self, waited_for: Coroutine[Any, Any, object]) -> None:
        """Wait, but no longer than the journal is followed; then raises KafkaError."""
        waiting, following = asyncio.ensure_future(waited_for), self._following
        try:
            if following is not None:
                await asyncio.wait([waiting, following], return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                raise KafkaConnectionError("the journal is not followed any more")
            waiting.result()
        finally:
            waiting.cancel()


def new_key(name: str) -> str:
    """Return a key of a name that nobody else has."""
    return f"{name}/{uuid4().hex}"
