"""How records come to the broker: all at once, or one by one at the times at which each is due."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from tests.bench.records import PARTITIONS, Entry

BATCH_BYTES = 900_000
BEGIN_SECONDS = 0.1


async def write(bootstrap: str, entries: Iterable[Entry]) -> None:
    """Append records as fast as the broker takes them, spread as Kafka's own clients do."""
    waiting: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    numbers, partition_of = list(range(PARTITIONS)), DefaultPartitioner()
    for entry in entries:
        waiting[entry.topic, partition_of(entry.key, numbers, numbers)].append(entry)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES) as producer:
        answers = [
            await producer.send_batch(batch, topic, partition=partition)
            for (topic, partition), entries in waiting.items()
            for batch in _batches(producer, entries)
        ]
        for answer in answers:
            await answer


async def trickle(bootstrap: str, entries: Sequence[Entry], per_second: float) -> list[float]:
    """Send records one by one, each when it is due, whatever became of those before (an open loop).

    Returns when each was due, by the clock of the wall: what waits for a late generator waits, too.
    """
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=0) as producer:
        began, answers = time.time() + BEGIN_SECONDS, []
        due = [began + number / per_second for number in range(len(entries))]
        for at, entry in zip(due, entries, strict=True):
            if (seconds := at - time.time()) > 0:
                await asyncio.sleep(seconds)
            answers.append(await producer.send(entry.topic, entry.value, entry.key, headers=list(entry.headers)))
        for answer in answers:
            await answer
    return due


def _batches(producer: AIOKafkaProducer, entries: Iterable[Entry]) -> Iterator[Any]:
    batch = producer.create_batch()
    for _, key, value, headers in entries:
        if batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
            batch.close()
            yield batch
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=list(headers))
    batch.close()
    yield batch
