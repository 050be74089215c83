"""All deliveries of a process: started, supervised and stopped, each apart from the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mode import Service

from streams.delivery.bounds import Shared
from streams.delivery.dead_letters import CONFIRM_SECONDS, DeadLetters, Producer
from streams.delivery.keeper import Keeper, Reach
from streams.delivery.member import Connection
from streams.delivery.service import Delivery
from streams.delivery.states import State
from streams.delivery.tools import Pause, Telemetry, Tools
from streams.destinations import Destination
from streams.exports import Export, dead_letters_topic
from streams.groups.producers import ended
from streams.outcomes import Outcome


def new_dead_letters(connection: Connection, confirm_seconds: float = CONFIRM_SECONDS) -> DeadLetters:
    """Return the dead letters of a process, with an idempotent producer."""

    def new_producer() -> Producer:
        producer: Producer = connection.brokers.producer(
            client_id=f"{connection.app}.dead-letters",
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=10_000,
            metadata_max_age_ms=30_000,
            **dict(connection.client),
        )
        return producer

    topic = dead_letters_topic(connection.app)
    return DeadLetters(topic, connection.app, new_producer, ended, confirm_seconds=confirm_seconds)


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
        wall: Callable[[], float],
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._destinations, self._connection, self._reach = destinations, connection, reach
        self._telemetry, self._pause, self._shared = telemetry, pause, shared
        self._now, self._random, self._wall = now, random, wall
        self._dead_letters = new_dead_letters(connection)
        self._keepers: dict[str, Keeper] = {}
        self._keeping: dict[str, asyncio.Task[None]] = {}

    @property
    def live(self) -> Iterable[Delivery]:
        """The deliveries of this moment."""
        return [keeper.delivery for keeper in self._keepers.values() if keeper.delivery is not None]

    @property
    def ready(self) -> bool:
        """Whether each delivery has joined its group; one that fails on its own does not hold the worker back."""
        return all(keeper.is_settled for keeper in self._keepers.values())

    def oldest_poll_seconds(self) -> float:
        """Return how long ago the slowest delivery came back from a poll; it comes back every second, or hangs."""
        polls = [delivery.polled_at for delivery in self.live if delivery.polled_at is not None]
        return max((self._now() - poll for poll in polls), default=0.0)

    async def on_start(self) -> None:
        """Start all deliveries; none is waited for, since one may be long in joining."""
        for destination in self._destinations:
            self.add(destination)

    async def on_stop(self) -> None:
        """Stop all deliveries at once; bounded by the slowest."""
        await asyncio.gather(*map(self.remove, list(self._keeping)))
        await self._dead_letters.close()

    def add(self, destination: Destination) -> None:
        """Start to deliver *destination*."""
        keeper = Keeper(self._tools(destination), self._connection, self._reach, self._dead_letters)
        keeping = asyncio.get_running_loop().create_task(keeper.keep())
        self._keepers[destination.incarnation], self._keeping[destination.incarnation] = keeper, keeping
        keeping.add_done_callback(self._kept)

    async def remove(self, incarnation: str) -> None:
        """Stop to deliver a destination: drain, commit, leave its group."""
        keeping = self._keeping.pop(incarnation)
        keeping.cancel()
        await asyncio.wait([keeping])
        del self._keepers[incarnation]

    def _kept(self, keeping: asyncio.Task[None]) -> None:
        if not keeping.cancelled() and (error := keeping.exception()) is not None:
            self.add_future(self.crash(error))  # a defect of the supervision itself is the worker's

    def _tools(self, destination: Destination) -> Tools:
        """Return what outlives each instance: what was learned of the destination; the rest is each one's own."""
        telemetry = self._telemetry(destination)
        return Tools(
            destination=destination,
            attempt=_unreachable,
            park=self._dead_letters.park,
            pause=self._pause,
            telemetry=telemetry,
            shared=self._shared,
            state=State(telemetry.state),
            lease=self._connection.lease(),
            now=self._now,
            random=self._random,
            wall=self._wall,
        )


async def _unreachable(export: Export) -> Outcome:
    raise NotImplementedError("a destination is reached through what its reach yields")
