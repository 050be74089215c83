"""Reads the topic of dead letters as it stands, without a group: a letter at a time, however many there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.brokers import Brokers
from streams.letters.letter import DeadLetter, Place, read_letter
from streams.letters.wanted import Wanted
from streams.stopping import stopped

POLL_MS, EMPTY_POLLS = 500, 60
"""So often nothing may come of what is there until the broker is given up."""
RECORDS = 500
"""Of one poll: with a body of a few KiB each, some megabytes are in memory."""


class Span(NamedTuple):
    """The offsets of one partition that are read; *end* is not included."""

    partition: int
    begin: int
    end: int


class Reading:
    """The topic of so many *partitions*, up to the ends that it has when ``spans`` is called."""

    def __init__(self, consumer: AIOKafkaConsumer, topic: str, partitions: int) -> None:
        self._consumer, self._topic, self._partitions = consumer, topic, partitions

    async def spans(self, since: int | None = None) -> list[Span]:
        """Return what there is of each partition, from the first record on that was written at *since* or later."""
        every = [TopicPartition(self._topic, number) for number in range(self._partitions)]
        self._consumer.assign(every)  # all at once: by itself the client learns of one partition after the other
        self._consumer.pause(*every)
        begins, ends = await self._consumer.beginning_offsets(every), await self._consumer.end_offsets(every)
        if since is not None:
            found = await self._consumer.offsets_for_times(dict.fromkeys(every, max(0, since)))
            begins = {each: ends[each] if at is None else at.offset for each, at in found.items()}
        return [Span(each.partition, begins[each], ends[each]) for each in every if begins[each] < ends[each]]

    async def letters(
        self, spans: Sequence[Span], wanted: Wanted, left: Callable[[int], None] = lambda _: None
    ) -> AsyncIterator[DeadLetter]:
        """Yield the letters in *spans* that are *wanted*, partition by partition, each in its order.

        *left* is told from time to time how many offsets are left.
        """
        behind = sum(span.end - span.begin for span in spans)
        for span in spans:
            behind -= span.end - span.begin
            async for letter in self._read(span, _with(left, behind)):
                if wanted.takes(letter):
                    yield letter
        left(0)

    async def at(self, place: Place) -> DeadLetter | None:
        """Return the letter at *place*; None if there is none."""
        for span in await self.spans():
            if span.partition == place.partition and span.begin <= place.offset < span.end:
                async for letter in self._read(Span(place.partition, place.offset, place.offset + 1), lambda _: None):
                    return letter
        return None

    async def _read(self, span: Span, left: Callable[[int], None]) -> AsyncIterator[DeadLetter]:
        partition, empty, position = TopicPartition(self._topic, span.partition), 0, span.begin
        self._consumer.assign([partition])
        self._consumer.seek(partition, span.begin)
        while position < span.end:
            if empty >= EMPTY_POLLS:
                raise TimeoutError(
                    f"{self._topic}-{span.partition} gives nothing beyond {position}, and has {span.end}"
                )
            left(span.end - position)
            records = (await self._consumer.getmany(partition, timeout_ms=POLL_MS, max_records=RECORDS)).get(partition)
            for record in records or ():
                if record.offset < span.end:
                    yield read_letter(record)
            before, position = position, await self._consumer.position(partition)
            empty = 0 if position > before else empty + 1


def _with(left: Callable[[int], None], behind: int) -> Callable[[int], None]:
    return lambda here: left(here + behind)


@asynccontextmanager
async def reading(brokers: Brokers, topic: str, partitions: int) -> AsyncIterator[Reading]:
    """Lend a view of the topic; raises KafkaError where it cannot be read."""
    consumer = brokers.consumer(
        enable_auto_commit=False, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    try:
        await consumer.start()
        yield Reading(consumer, topic, partitions)
    finally:
        await stopped(consumer.stop())
