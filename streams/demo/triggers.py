"""What triggered each export: read from the exports topics, where anyone's tools can read it too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka import ConsumerRecord, TopicPartition

from streams.brokers import Brokers
from streams.exports import ID_HEADER, META_HEADER, decode_meta

PATIENCE_SECONDS = 2.0
"""How long a request that is to be shown waits for its export to be read; it was written before it was posted."""


SHOWN = 18
"""How much of a segment's id is shown."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """Whose change it was, and what changed."""

    profile: str = "?"
    change: str = "?"


class Triggers:
    """The triggers by export id, as far as ``follow`` has read them."""

    def __init__(self) -> None:
        self._known: dict[str, Trigger] = {}
        self._changed = asyncio.Condition()

    async def of(self, export_id: str) -> Trigger:
        """Return an export's trigger; one of question marks if it cannot be read in time."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
                await self._changed.wait_for(lambda: export_id in self._known)
        except TimeoutError:
            return Trigger()
        return self._known[export_id]

    async def follow(self, bootstrap: str, partitions: Iterable[tuple[str, int]]) -> None:
        """Read *partitions*, (topic, number), from their beginning and in no group; never return."""
        consumer = Brokers((bootstrap,)).consumer(group_id=None, auto_offset_reset="earliest")
        await consumer.start()
        try:
            consumer.assign([TopicPartition(*partition) for partition in partitions])
            async for record in consumer:
                await self.take(record)
        finally:
            await consumer.stop()

    async def take(self, record: ConsumerRecord) -> None:
        """Note the trigger of one record of an exports topic."""
        headers = dict(record.headers)
        meta = decode_meta(headers[META_HEADER])
        change = " ".join((meta.trigger, *map(_shortened, meta.segments)))
        trigger = Trigger((record.key or b"").decode(errors="replace"), change)
        async with self._changed:
            self._known[headers[ID_HEADER].decode()] = trigger
            self._changed.notify_all()


def _shortened(segment_id: str) -> str:
    return segment_id if len(segment_id) <= SHOWN else f"{segment_id[: SHOWN - 1]}…"
