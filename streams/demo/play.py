"""The course of the demo: the sample is sent step by step, and each step waits until all of it has ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import aiohttp
from aiokafka import AIOKafkaProducer

from streams.brokers import Brokers
from streams.demo.books import Books
from streams.demo.child import POLL_SECONDS
from streams.demo.sample import EXAMPLE, STEPS, Step
from streams.demo.screen import Screen
from streams.demo.stage import Stage

WITHIN_SECONDS = 60.0
"""Ten times what a slow machine needs."""


class NotDeliveredError(Exception):
    """The sample was not delivered in time; *missing* says what has not ended, in sentences."""

    def __init__(self, what: str, seconds: float, missing: Sequence[str]) -> None:
        super().__init__(f"{what} within {seconds:g} seconds")
        self.missing = tuple(missing)


class Play:
    """Sends the sample through a stage, and keeps count of what was sent.

    The worker may take *within_seconds* to be ready, and then the sample to be delivered.
    """

    def __init__(
        self, stage: Stage, screen: Screen, session: aiohttp.ClientSession, *, within_seconds: float = WITHIN_SECONDS
    ) -> None:
        self._stage, self._screen, self._session = stage, screen, session
        self._seconds = within_seconds
        self._sent: Counter[str] = Counter()
        self._books = Books()

    async def run(self) -> bool:
        """Send the sample, show its books, and return whether they close; raises NotDeliveredError."""
        await self._ready()
        producer = Brokers((self._stage.bootstrap,)).producer()
        await producer.start()
        try:
            async with asyncio.timeout(self._seconds):
                for number, step in enumerate(STEPS, 1):
                    await self._take(number, step, producer)
        except TimeoutError as error:
            missing = self._books.missing(self._sent)
            raise NotDeliveredError("the sample was not delivered", self._seconds, missing) from error
        finally:
            await producer.stop()
        return self._account()

    async def _ready(self) -> None:
        worker = self._stage.worker
        try:
            async with asyncio.timeout(self._seconds):
                with self._screen.waiting("the worker joins its groups"):
                    await worker.ready(self._session)
        except TimeoutError as error:
            raise NotDeliveredError("the worker was not ready", self._seconds, worker.last_lines) from error
        self._screen.started("worker", worker.url, f"streams worker, process {worker.pid}")

    async def _take(self, number: int, step: Step, producer: AIOKafkaProducer) -> None:
        self._screen.step(number, step)
        before = self._books
        for record in step.records:  # one by one: the embedded broker is at its best with batches of one
            await producer.send_and_wait(step.topic, key=record.profile.encode(), value=record.bytes)
            self._sent[step.topic] += 1
        await self._settled()
        await self._stage.reception.arrived.join()
        self._screen.ended(step, before, self._books)

    async def _settled(self) -> None:
        """Return when every record that was sent has ended, and every export that followed."""
        while True:
            self._books = await self._stage.worker.books(self._session) or self._books
            if not self._books.missing(self._sent):
                return
            await asyncio.sleep(POLL_SECONDS)

    def _account(self) -> bool:
        reception = self._stage.reception
        if example := reception.latest.get(EXAMPLE):
            self._screen.last_request(example)
        self._screen.books(self._books)
        differences = self._books.differences(self._sent, reception.taken)
        if differences:
            self._screen.not_closed(differences)
            return False
        self._screen.closed(self._sent.total(), self._books)
        return True
