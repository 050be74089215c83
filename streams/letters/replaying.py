"""Asks the owners of profiles to replay dead letters, and finds out what became of it.

The owner answers by what it does: once it has committed a request, the export is on its topic, or it was overtaken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import RecordMetadata

from streams.brokers import Brokers
from streams.exports import ID_HEADER, MAX_RECORD_BYTES, REPLAYS_HEADER, exports_topic
from streams.profile_commands import Replay, commands_topic, encode_command
from streams.status.offsets import Offsets, looking
from streams.stopping import stopped

CONFIRM_SECONDS = 30
AT_ONCE, BYTES_AT_ONCE = 500, 16 * 1024 * 1024
"""So many requests, or bytes of them, are under way until the broker has confirmed them."""
POLL_MS = 200


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of the requests to one partition's owner; *is_taken* if it has taken all in time."""

    written: frozenset[str]
    """The ids of the exports that are on their topics again."""
    is_taken: bool


class Owners:
    """Takes replays to the owners of one partition after the other."""

    def __init__(self, app: str, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer, offsets: Offsets) -> None:
        self._app, self._topic = app, commands_topic(app)
        self._producer, self._consumer, self._offsets = producer, consumer, offsets

    async def replay(
        self,
        partition: int,
        incarnations: Collection[str],
        requests: AsyncIterator[tuple[bytes, Replay]],
        seconds: float,
    ) -> Answered:
        """Ask for *requests*, each with its profile's key; wait at most *seconds* for the owner between two answers.

        *incarnations* are those that are asked for.
        """
        watched = [TopicPartition(exports_topic(self._app, each), partition) for each in incarnations]
        self._consumer.assign(watched)
        for each, end in (await self._consumer.end_offsets(watched)).items():
            self._consumer.seek(each, end)
        last = await self._send(partition, requests)
        return await self._answers(TopicPartition(self._topic, partition), last, watched, seconds)

    async def _send(self, partition: int, requests: AsyncIterator[tuple[bytes, Replay]]) -> int:
        """Return the offset of the last request once all are confirmed."""
        waiting: list[Awaitable[RecordMetadata]] = []
        size, last = 0, -1
        async for key, replay in requests:
            value = encode_command(replay)
            waiting.append(await self._producer.send(self._topic, value, key, partition=partition))
            size += len(value)
            if len(waiting) >= AT_ONCE or size >= BYTES_AT_ONCE:
                last, waiting, size = await _confirmed(waiting), [], 0
        return await _confirmed(waiting) if waiting else last

    async def _answers(
        self, requested: TopicPartition, last: int, watched: Collection[TopicPartition], seconds: float
    ) -> Answered:
        loop, written = asyncio.get_running_loop(), set[str]()
        taken = -1
        deadline = loop.time() + seconds
        while True:
            committed = (await self._offsets.committed({self._app: [requested]}))[self._app].get(tuple(requested), 0)
            written |= await self._seen()
            if committed > last:  # what was written for it stands below the ends of now
                written |= await self._seen_up_to_now(watched)
                return Answered(frozenset(written), is_taken=True)
            if committed > taken:
                taken, deadline = committed, loop.time() + seconds
            if loop.time() >= deadline:
                return Answered(frozenset(written), is_taken=False)

    async def _seen_up_to_now(self, watched: Collection[TopicPartition]) -> set[str]:
        ends, seen = await self._consumer.end_offsets(watched), set[str]()
        while any([await self._consumer.position(each) < end for each, end in ends.items()]):
            seen |= await self._seen()
        return seen

    async def _seen(self) -> set[str]:
        """Return the ids of the replayed exports that one more poll has brought."""
        batches = await self._consumer.getmany(timeout_ms=POLL_MS)
        headers = [dict(record.headers) for records in batches.values() for record in records]
        return {each[ID_HEADER].decode() for each in headers if REPLAYS_HEADER in each and ID_HEADER in each}


async def _confirmed(waiting: Collection[Awaitable[RecordMetadata]]) -> int:
    """Return the highest offset once all are confirmed."""
    offsets: list[int] = [(await each).offset for each in waiting]
    return max(offsets)


@asynccontextmanager
async def owners(brokers: Brokers, app: str) -> AsyncIterator[Owners]:
    """Lend the way to the owners of an app's profiles; raises KafkaError."""
    producer = brokers.producer(
        acks="all",
        enable_idempotence=True,
        max_request_size=MAX_RECORD_BYTES,
        request_timeout_ms=CONFIRM_SECONDS * 1000,
    )
    consumer = brokers.consumer(
        enable_auto_commit=False, auto_offset_reset="earliest", isolation_level="read_committed", fetch_max_wait_ms=100
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_stopped, producer.stop)
        await producer.start()
        stack.push_async_callback(_stopped, consumer.stop)
        await consumer.start()
        yield Owners(app, producer, consumer, await stack.enter_async_context(looking(brokers)))


async def _stopped(stop: Callable[[], Awaitable[None]]) -> None:
    await stopped(stop())
