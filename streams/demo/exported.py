"""What the worker wrote, exports and dead letters, read from their topics as anyone's tools can read them."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from streams.brokers import Brokers
from streams.demo.board import Exported
from streams.exports import ID_HEADER, META_HEADER, dead_letters_topic, decode_meta, exports_topic

LOOK_MS = 500
"""How soon a topic is seen that was not there before."""

Parked = tuple[str, str]
"""The position of what is a dead letter, and the reason."""


@dataclass
class Topics:
    """The exports and dead letters of *app*, each told once as it is read; ``exports`` counts by destination."""

    app: str
    exported: Callable[[Exported], None]
    parked: Callable[[Parked], None]
    exports: Counter[str] = field(default_factory=Counter)
    dead_letters: int = 0
    _next: dict[tuple[str, int], int] = field(default_factory=dict)

    async def follow(self, bootstrap: str) -> None:
        """Read from the beginning and in no group; never return."""
        consumer = Brokers((bootstrap,)).consumer(
            group_id=None, auto_offset_reset="earliest", metadata_max_age_ms=LOOK_MS
        )
        try:
            await consumer.start()
            consumer.subscribe(pattern=f"^{re.escape(exports_topic(self.app, ''))}|^{dead_letters_topic(self.app)}$")
            while True:
                try:
                    self.take(await consumer.getone())
                except KafkaError:  # a topic that was deleted: the others go on
                    await asyncio.sleep(LOOK_MS / 1000)
        finally:
            await consumer.stop()

    def take(self, record: ConsumerRecord) -> None:
        """Tell of one record, unless it was told before: a new topic makes the consumer begin all anew."""
        place = record.topic, record.partition
        if record.offset < self._next.get(place, 0):
            return
        self._next[place] = record.offset + 1
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        if record.topic == dead_letters_topic(self.app):
            self.dead_letters += 1
            self.parked((_origin(headers), headers.get("streams.reason", "")))
        elif META_HEADER in headers:
            export = _export(record, headers, self.app)
            self.exports[export.destination] += 1
            self.exported(export)


def _origin(headers: dict[str, str]) -> str:
    """Return the position of what is a dead letter, by the headers that Kafka Connect's tools read, too."""
    return "-".join(headers.get(f"__connect.errors.{part}", "?") for part in ("topic", "partition", "offset"))


def _export(record: ConsumerRecord, headers: dict[str, str], app: str) -> Exported:
    meta = decode_meta(headers[META_HEADER])
    incarnation = record.topic.removeprefix(exports_topic(app, ""))
    return Exported(
        id=headers.get(ID_HEADER, ""),
        position=f"{record.topic}-{record.partition}-{record.offset}",
        source=meta.source,
        destination=incarnation.rpartition(".")[0],
        profile=(record.key or b"").decode(errors="replace"),
        trigger=meta.trigger,
    )
