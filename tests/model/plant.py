"""A real worker on a real Kafka, in which many lives happen at once: each record of one waits until the last is taken.

So the order in which a profile's records are read is known, but not how many of them a round of the outbox holds. The
documents are changed while the worker runs, and it is killed in the middle of what it does.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from streams.exports import ID_HEADER, META_HEADER, decode_meta, exports_topic
from tests.brokers.client import Client
from tests.e2e.changing import Changing, changing
from tests.e2e.world import World, a_world
from tests.model.crashed import Row
from tests.model.judge import Sent
from tests.model.laws import Record
from tests.waiting import until

PARTITIONS = 2
SESSION_SECONDS = 6
STAGE = ("--stage", "activation")
Burst = tuple[Record, ...]
"""Records of one input, which are not waited for one by one."""


@dataclass
class Life:
    """A profile: the bursts that happen to it, and where its records stand; *crash* is the burst in which it is hit."""

    key: bytes
    bursts: Sequence[Burst]
    crash: int | None = None
    places: dict[str, int] = field(default_factory=dict)

    @property
    def records(self) -> list[Record]:
        """All its records."""
        return [record for burst in self.bursts for record in burst]

    def until_crash(self) -> int:
        """Return how many records there are up to the end of the burst that is hit."""
        return len(self.records) if self.crash is None else sum(map(len, self.bursts[: self.crash + 1]))


class Plant:
    """One worker of an app, its inputs and its destinations."""

    def __init__(
        self, world: World, documents: Changing, producer: AIOKafkaProducer, inputs: Mapping[str, str]
    ) -> None:
        self._world, self._documents, self._producer = world, documents, producer
        self.inputs = inputs
        self.worker = world.workers[0]
        self._versions: dict[str, int] = {}
        self._taken, self._seen = 0, dict[str, dict[int, int]]()
        self.kills = 0

    async def follow(self, documents: Sequence[Mapping[str, Any]]) -> None:
        """Let the worker follow other documents; destinations that are there already are changed."""
        for each in documents:
            if each["name"] in self._versions:
                version = await self._documents.change(each)
            else:
                version = await self._documents.create(each, PARTITIONS)
            self._versions[each["name"]] = version.version
        await self._documents.are_following(1, {f"{name}.1": version for name, version in self._versions.items()})

    async def happen(self, lives: Sequence[Life], first: int, end: int) -> None:
        """Let the bursts from *first* on, up to *end*, happen to all, each when the one before is taken."""
        for number in range(first, end):
            await self._put(lives, number)
            await until(self._is_taken, 60, what=f"{self._taken} records are taken")

    async def _put(self, lives: Sequence[Life], number: int) -> None:
        waiting = []
        for life in lives:
            for record in life.bursts[number] if number < len(life.bursts) else ():
                value = None if record.value is None else json.dumps(record.value).encode()
                topic = self._world.topic(record.topic)
                sent = await self._producer.send(topic, value, life.key, timestamp_ms=record.timestamp)
                waiting.append((life, sent))
        for life, sent in waiting:
            at = await sent
            life.places[f"{at.topic}-{at.partition}-{at.offset}"] = len(life.places)
        self._taken += len(waiting)

    async def _is_taken(self) -> bool:
        return await self.taken() >= self._taken

    async def taken(self, **labels: str) -> float:
        """Return how many records the worker has taken since it was started."""
        names = [self._world.topic(name) for name in self.inputs]
        return sum([await self.worker.metric("streams_records_total", topic=name, **labels) for name in names])

    async def crash(self, lives: Sequence[Life], number: int, after_seconds: float) -> None:
        """Let a burst happen to all, kill the worker a moment later, and let another one read again."""
        await self._put(lives, number)
        await asyncio.sleep(after_seconds)
        self.worker.send(signal.SIGKILL)
        await self.worker.ended()
        self.kills += 1
        await self.worker.start(*STAGE)
        await self.settle()
        self._taken = int(await self.taken())

    async def settle(self) -> None:
        """Wait until all that was taken is confirmed and committed."""
        await until(self._is_committed, 60, what="all is committed")

    async def _is_committed(self) -> bool:
        client = self._world.client
        for name in self.inputs:
            topic = self._world.topic(name)
            ends, committed = await client.end_offsets(topic), await client.committed(self._world.app, topic)
            if any(committed.get(partition, 0) < end for partition, end in ends.items()):
                return False
        return True

    async def rows(self, lives: Sequence[Life], names: Sequence[str]) -> dict[bytes, list[Row]]:
        """Return what stands in the exports of each life, destination after destination, in order."""
        found: dict[bytes, list[Row]] = {life.key: [] for life in lives}
        places = {life.key: life.places for life in lives}
        for name in names:
            for each in await self._world.client.read(exports_topic(self._world.app, f"{name}.1")):
                if each.key in found:
                    headers = dict(each.headers)
                    meta = decode_meta(headers[META_HEADER])
                    sent = Sent(name, meta.trigger, json.loads(each.value), headers[ID_HEADER].decode())
                    found[each.key].append(Row(places[each.key][meta.source], sent))
        return found

    async def ends(self) -> dict[tuple[str, str], float]:
        """Return how many records of each input have ended how."""
        kinds = ("malformed", "overtaken", "activated", "excluded", "not-triggered")
        return {
            (name, end): await self.worker.metric("streams_records_total", topic=self._world.topic(name), end=end)
            for name in self.inputs
            for end in kinds
        }

    @property
    def assignments(self) -> int:
        """How often the worker was assigned its partitions."""
        return self.worker.log.count('"recovery.done"')


@asynccontextmanager
async def a_plant(
    client: Client, app: str, directory: Path, inputs: Mapping[str, str], merge: str, mutation: str | None = None
) -> AsyncIterator[Plant]:
    """Run a worker that activates, with its inputs; *mutation* breaks a law in it."""
    async with a_world(client, app, directory, PARTITIONS) as world:
        if "loyalty" in inputs:
            await client.create_topic(world.topic("loyalty"), PARTITIONS)
        memberships = {name: world.topic(name) for name, kind in inputs.items() if kind != "fragment"}
        fragments = [world.topic(name) for name, kind in inputs.items() if kind == "fragment"]
        settings = world.settings(
            inputs={**memberships, "profiles": fragments},
            merge=merge,
            activation={"sessionTimeoutSeconds": SESSION_SECONDS},
        )
        command = ("-m", "streams", "worker") if mutation is None else ("-m", "tests.model.mutated", mutation)
        worker = world.worker(settings=settings, documents=[], command=command)
        await worker.start(*STAGE)
        producer = AIOKafkaProducer(bootstrap_servers=client.bootstrap, acks="all")
        async with changing(world) as documents:
            try:
                await producer.start()
                yield Plant(world, documents, producer, inputs)
            finally:
                await producer.stop()


def now_ms() -> int:
    """Return the time, in milliseconds since 1970."""
    return int(time.time() * 1000)
