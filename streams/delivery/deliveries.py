"""All deliveries of a process: started, supervised and stopped, each apart from the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaProducer
from mode import Service

from streams.delivery.bounds import Shared
from streams.delivery.dead_letters import DeadLetters, Producer
from streams.delivery.service import Connection, Delivery
from streams.delivery.tools import Attempt, Pause, Telemetry, Tools
from streams.destinations import Destination
from streams.exports import Export, dead_letters_topic
from streams.outcomes import Outcome

log = logging.getLogger(__name__)

Reach = Callable[[Destination], AbstractAsyncContextManager[Attempt]]
"""Opens the way to a destination's endpoint, and closes it when its delivery ends."""

FIRST_RESTART_SECONDS = 1.0
RESTART_CAP_SECONDS = 60.0
STEADY_SECONDS = 60.0
"""A delivery that lived so long begins its restarts anew."""


def new_dead_letters(connection: Connection) -> DeadLetters:
    """Return the dead letters of a process, with an idempotent producer."""

    def new_producer() -> Producer:
        producer: Producer = AIOKafkaProducer(
            bootstrap_servers=connection.bootstrap_servers,
            client_id=f"{connection.app}.dead-letters",
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=10_000,
            metadata_max_age_ms=30_000,
            **dict(connection.client),
        )
        return producer

    return DeadLetters(dead_letters_topic(connection.app), connection.app, new_producer)


class Deliveries(Service):  # type: ignore[misc]  # mode is untyped
    """Delivers *destinations* from ``start()`` to ``stop()``; a crash of one makes a new instance of that one."""

    def __init__(
        self,
        destinations: Sequence[Destination],
        *,
        connection: Connection,
        reach: Reach,
        telemetry: Callable[[Destination], Telemetry],
        pause: Pause,
        shared: Shared,
        now: Callable[[], float],
        random: Callable[[], float],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._destinations, self._connection, self._reach = destinations, connection, reach
        self._telemetry, self._pause, self._shared, self._now, self._random = telemetry, pause, shared, now, random
        self._dead_letters = new_dead_letters(connection)
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._live: dict[str, Delivery] = {}
        self._failed: set[str] = set()

    @property
    def live(self) -> Iterable[Delivery]:
        """The deliveries of this moment."""
        return self._live.values()

    @property
    def ready(self) -> bool:
        """Whether each delivery has joined its group; one that fails on its own does not hold the worker back."""
        settled = {name for name, delivery in self._live.items() if delivery.settled.is_set()}
        return settled | self._failed >= self._keepers.keys()

    def oldest_poll_seconds(self) -> float:
        """Return how long ago the slowest delivery came back from a poll; it comes back every second, or hangs."""
        polls = [delivery.polled_at for delivery in self._live.values() if delivery.polled_at is not None]
        return max((self._now() - poll for poll in polls), default=0.0)

    async def on_start(self) -> None:
        """Start all deliveries; none is waited for, since one may be long in joining."""
        for destination in self._destinations:
            self.add(destination)

    async def on_stop(self) -> None:
        """Stop all deliveries at once; bounded by the slowest."""
        await asyncio.gather(*map(self.remove, list(self._keepers)))
        await self._dead_letters.close()

    def add(self, destination: Destination) -> None:
        """Start to deliver *destination*."""
        keeper = asyncio.get_running_loop().create_task(self._keep(destination))
        self._keepers[destination.incarnation] = keeper
        keeper.add_done_callback(self._kept)

    async def remove(self, incarnation: str) -> None:
        """Stop to deliver a destination: drain, commit, leave its group."""
        keeper = self._keepers.pop(incarnation)
        keeper.cancel()
        await asyncio.wait([keeper])

    def _kept(self, keeper: asyncio.Task[None]) -> None:
        if not keeper.cancelled() and (error := keeper.exception()) is not None:
            self.add_future(self.crash(error))  # a defect of the supervision itself is the worker's

    async def _keep(self, destination: Destination) -> None:
        """Deliver *destination* until cancelled, with a new instance after each crash."""
        telemetry, restarts = self._telemetry(destination), 0
        tools_for = self._tools(destination, telemetry)
        while True:
            began = self._now()
            try:
                async with self._reach(destination) as attempt:
                    reason = await self._deliver(tools_for(attempt))
            except Exception as error:  # whatever it is, it is this destination's trouble alone
                reason = error
            self._failed.add(destination.incarnation)
            telemetry.state("faulted", "crashed")
            restarts = 0 if self._now() - began > STEADY_SECONDS else restarts + 1
            seconds = min(FIRST_RESTART_SECONDS * 2 ** max(0, restarts - 1), RESTART_CAP_SECONDS)
            log.error(
                "%s: delivery ended by %s, starts again in %s s", destination.name, type(reason).__name__, seconds
            )
            await asyncio.sleep(seconds)

    def _tools(self, destination: Destination, telemetry: Telemetry) -> Callable[[Attempt], Tools]:
        """Return what makes the tools of each instance; what was learned of the destination outlives them."""
        lasting = Tools(
            destination=destination,
            attempt=_unreachable,
            park=self._dead_letters.park,
            pause=self._pause,
            telemetry=telemetry,
            shared=self._shared,
            now=self._now,
            random=self._random,
        )
        return lambda attempt: replace(lasting, attempt=attempt)

    async def _deliver(self, tools: Tools) -> BaseException | None:
        """Run one delivery until it crashes; return why."""
        delivery = Delivery(tools, self._connection)  # a beacon of its own, so its crash stays its own
        self._live[tools.destination.incarnation] = delivery
        try:
            await delivery.start()
            await delivery.over.wait()
        finally:
            await delivery.stop()
            del self._live[tools.destination.incarnation]
        return delivery.crash_reason  # type: ignore[no-any-return]


async def _unreachable(export: Export) -> Outcome:
    raise NotImplementedError("a destination is reached through what its reach yields")
