"""The course of the demo: the sample is sent act by act, each of which waits until all of it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from random import Random

from aiokafka import AIOKafkaProducer

from streams.brokers import Brokers
from streams.demo import books, command
from streams.demo.acts import ACTS, Act, Outage, Paused
from streams.demo.crowd import Crowd
from streams.demo.sample import Record
from streams.demo.screen import Screen
from streams.demo.stage import Stage
from streams.demo.watch import Watch
from streams.demo.wording import segment_names, told

WITHIN_SECONDS = 60.0
"""Ten times what a slow machine needs."""

BEAT_SECONDS = 0.2
"""Between two records that are watched on a terminal."""

NEW_PEOPLE_SECONDS = 1.0
"""Between two records of new people."""


class NotDeliveredError(Exception):
    """The sample was not delivered in time; *missing* says what has not ended, in sentences."""

    def __init__(self, what: str, seconds: float, missing: Sequence[str]) -> None:
        super().__init__(f"{what} within {seconds:g} seconds")
        self.missing = tuple(missing)


class Play:
    """Sends the sample through a stage; *watch* runs meanwhile.

    The worker may take *within_seconds* to be ready, and then *acts* to be delivered.
    """

    def __init__(
        self,
        stage: Stage,
        screen: Screen,
        watch: Watch,
        *,
        acts: Sequence[Act] = ACTS,
        within_seconds: float = WITHIN_SECONDS,
    ) -> None:
        self._stage, self._screen, self._watch = stage, screen, watch
        self._acts, self._seconds = acts, within_seconds
        self._names = segment_names(stage.destinations)
        self._beat = BEAT_SECONDS if screen.is_live else 0.0

    async def run(self) -> bool:
        """Send the sample, show its books, and return whether they close; raises NotDeliveredError."""
        await self._ready()
        try:
            async with asyncio.timeout(self._seconds), self._producer() as producer:
                with self._screen.table():
                    for number, act in enumerate(self._acts, 1):
                        self._screen.act(number, act.title)
                        await self._perform(act, producer)
        except TimeoutError as error:
            raise NotDeliveredError("the sample was not delivered", self._seconds, self._watch.missing()) from error
        return self._account()

    async def _ready(self) -> None:
        worker = self._stage.worker
        try:
            async with asyncio.timeout(self._seconds):
                with self._screen.waiting("the worker joins its groups"):
                    await self._watch.ready()
        except TimeoutError as error:
            raise NotDeliveredError("the worker was not ready", self._seconds, worker.last_lines) from error
        self._screen.started("worker", worker.url, f"streams worker, pid {worker.pid}")

    async def go_on(self) -> None:
        """Send what new people do, without an end and at a bounded rate."""
        crowd = Crowd(tuple(self._names), Random(self._stage.destinations[0].name))  # noqa: S311 - the same each time
        async with self._producer() as producer:
            with self._screen.table():
                while True:
                    await self._send(crowd.next(datetime.now().astimezone()), producer)
                    await asyncio.sleep(NEW_PEOPLE_SECONDS)

    @asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = Brokers((self._stage.bootstrap,)).producer()
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def _perform(self, act: Act, producer: AIOKafkaProducer) -> None:
        async with self._during(act.during):
            for record in act.records:
                await self._send(record, producer)
                await asyncio.sleep(self._beat)
        await self._watch.until(lambda: not self._watch.missing())

    async def _send(self, record: Record, producer: AIOKafkaProducer) -> None:
        """Send one record and show how it ended; one by one, so that the figures tell of which they speak."""
        topic, before = record.topic, self._watch.books
        sent = await producer.send_and_wait(topic, key=record.profile.encode(), value=record.bytes)
        source = f"{topic}-{sent.partition}-{sent.offset}"
        count = self._watch.sent(topic, source, who=record.profile, what=told(record, self._names))
        await self._watch.until(lambda: self._watch.books.topic(topic).records >= count)
        self._watch.ended(topic, source, before)

    @asynccontextmanager
    async def _during(self, trouble: Outage | Paused | None) -> AsyncIterator[None]:
        match trouble:
            case Outage():
                async with self._outage(trouble):
                    yield
            case Paused():
                await self._operate("pause", trouble.destination, "--why", trouble.why)
                yield
                await self._operate("resume", trouble.destination)
            case None:
                yield

    @asynccontextmanager
    async def _outage(self, outage: Outage) -> AsyncIterator[None]:
        reception, name = self._stage.reception, outage.destination
        reception.fail(name)
        self._watch.note(f"the endpoint of {name} fails: it answers 503 to everything")
        yield
        await self._watch.until(
            lambda: sum(n >= outage.attempts for n in reception.failed(name).values()) >= outage.exports
        )
        reception.recover(name)
        self._watch.note(f"the endpoint of {name} is well again")

    async def _operate(self, *arguments: str) -> None:
        """Run one of ``streams destinations``' commands, and show it and what it says."""
        given = ("destinations", *arguments)
        self._watch.note(f"$ {command.shown(given)}")
        for line in await command.run(given, self._stage.config, self._stage.environ):
            self._watch.note(f"  {line}")

    def _account(self) -> bool:
        watch = self._watch
        if example := self._stage.reception.example:
            self._screen.example(example)
        differences = books.differences(watch.books, watch.seen)
        self._screen.books(watch.books, watch.seen, differences)
        return not differences
