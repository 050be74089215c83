"""Stand-ins for what lies below a consumer: a thread that fetches what it is told, records, and a stock consumer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faust
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.brokers import Brokers
from streams.engine import EngineSettings
from streams.engine.consumer import Consumer
from streams.engine.engine import Engine
from streams.engine.inlet import Inlet

NOWHERE = "127.0.0.1:1"
TOPIC = "inputs"
TP0 = TP(TOPIC, 0)


@dataclass
class FakeRecord:
    """A record as aiokafka would return it."""

    offset: int
    topic: str = TOPIC
    partition: int = 0
    timestamp: int = 1_590_449_617_123
    timestamp_type: int = 0
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    headers: Sequence[tuple[str, bytes]] = ()
    checksum: None = None
    serialized_key_size: int = 1
    serialized_value_size: int = 1


@dataclass
class FakeThread:
    """Commits into a list; fetches what it is given, after doing what the test wants to happen meanwhile."""

    commits: list[dict[tuple[str, int], int]] = field(default_factory=list)
    records: Mapping[tuple[str, int], list[FakeRecord]] = field(default_factory=dict)
    meanwhile: Callable[[], None] = lambda: None
    accepts: bool = True

    async def commit(self, offsets: Mapping[tuple[str, int], int]) -> bool:
        if self.accepts:
            self.commits.append({(tp[0], tp[1]): offset for tp, offset in offsets.items()})
        return self.accepts

    async def fetch(self, *_: Any) -> Mapping[tuple[str, int], list[FakeRecord]]:
        records, self.records = self.records, {}
        self.meanwhile()
        return records

    getmany = fetch

    def assignment(self) -> set[TP]:
        return {TP0}

    def highwater(self, tp: TP) -> int:
        return 100

    def interrupt(self) -> None:
        pass

    def pause_fetching(self, partitions: Any) -> None:
        pass

    resume_fetching = pause_fetching


def engine_settings(**changes: Any) -> EngineSettings:
    """Return settings that need no broker unless *changes* name one."""
    defaults = {"id": "unit", "brokers": Brokers((NOWHERE,)), "partitions": 1, "store": "memory", "directory": Path()}
    return EngineSettings(**{**defaults, **changes})


def engine_consumer(thread: FakeThread, **changes: Any) -> Consumer:
    """Return the engine's consumer over *thread*, open, with its one partition assigned and an inlet for it."""
    app = Engine(engine_settings(**changes)).app
    consumer: Consumer = app.consumer
    _put_below(consumer, thread)
    app.topics._acking_topics.add(TOPIC)
    queue = app.FlowControlQueue(maxsize=100)
    app.inlets[TOPIC] = Inlet(queue, 100, 10)
    consumer._active_partitions = {TP0}
    consumer.resume_flow()
    return consumer


def stock_consumer(thread: FakeThread) -> Any:
    """Return Faust's own consumer over *thread*, with its one partition assigned."""
    app = faust.App("stock", broker=f"kafka://{NOWHERE}", store="memory://")

    async def ignore(*_: Any) -> None:
        pass

    consumer = app.transport.create_consumer(
        callback=ignore, on_partitions_revoked=ignore, on_partitions_assigned=ignore
    )
    app._consumer = consumer
    _put_below(consumer, thread)
    app.topics._acking_topics.add(TOPIC)
    consumer._active_partitions = {TP0}
    return consumer


def stock_message(consumer: Any, offset: int) -> ConsumerMessage:
    """Return a message as a stock stream would hold it."""
    message = consumer._to_message(TP0, FakeRecord(offset))
    message.incref()
    consumer.track_message(message)
    return message


def _put_below(consumer: Any, thread: FakeThread) -> None:
    consumer._thread.thread_loop.close()  # made with the thread, which never starts
    consumer._thread = thread
