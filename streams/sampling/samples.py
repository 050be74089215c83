"""Takes a sample of a topic's records, without a group and without committing anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

MAX_BYTES = 32 * 1024 * 1024
"""What the values of a sample may hold together; where they are large, fewer are taken."""
POLL_MS, EMPTY_POLLS = 500, 10
"""Behind the last record there may be none, only markers: so often nothing may come until that is taken for the end."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """A record as it was found."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None

    @property
    def place(self) -> str:
        """``topic-partition-offset``."""
        return f"{self.topic}-{self.partition}-{self.offset}"


async def sample(consumer: AIOKafkaConsumer, topic: str, partitions: int, most: int, *, newest: bool) -> list[Sampled]:
    """Return at most so many records of all partitions, the newest of each or its first; raises KafkaError."""
    tps = [TopicPartition(topic, number) for number in range(partitions)]
    begins, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
    takes = shares({tp: ends[tp] - begins[tp] for tp in tps}, most)
    stops = {tp: ends[tp] if newest else begins[tp] + takes[tp] for tp in tps if takes[tp]}
    consumer.assign(list(stops))
    for tp in stops:
        consumer.seek(tp, ends[tp] - takes[tp] if newest else begins[tp])
    return await _read(consumer, stops)


def shares(available: Mapping[TopicPartition, int], most: int) -> dict[TopicPartition, int]:
    """Return how many records to take of each partition: alike, and more of those that have more where others lack."""
    found: dict[TopicPartition, int] = {}
    left = most
    for done, (tp, count) in enumerate(sorted(available.items(), key=lambda each: each[1])):
        found[tp] = min(count, -(-left // (len(available) - done)))
        left -= found[tp]
    return found


async def _read(consumer: AIOKafkaConsumer, stops: dict[TopicPartition, int]) -> list[Sampled]:
    found: list[Sampled] = []
    size = empty = 0
    while stops and size < MAX_BYTES and empty < EMPTY_POLLS:
        batches = await consumer.getmany(*stops, timeout_ms=POLL_MS)
        empty = 0 if batches else empty + 1
        for tp, records in batches.items():
            wanted = [record for record in records if record.offset < stops[tp]]
            found += [
                Sampled(each.topic, each.partition, each.offset, each.timestamp, each.key, each.value)
                for each in wanted
            ]
            size += sum(len(each.value or b"") for each in wanted)
        for tp in list(stops):
            if await consumer.position(tp) >= stops[tp]:
                del stops[tp]
    return found
