"""All deliveries of a process: started, supervised and stopped, each apart from the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from typing import Any

from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from mode import Service

from streams.delivery.bounds import Shared
from streams.delivery.dead_letters import CONFIRM_SECONDS, DeadLetters, Producer
from streams.delivery.member import Connection
from streams.delivery.service import Delivery
from streams.delivery.states import State, Trouble
from streams.delivery.tools import Attempt, Pause, Telemetry, Tools
from streams.destinations import Destination
from streams.exports import Export, dead_letters_topic
from streams.groups.producers import ended
from streams.outcomes import Outcome

log = logging.getLogger(__name__)

Reach = Callable[[Destination, Callable[[], float]], AbstractAsyncContextManager[Attempt]]
"""Opens the way to a destination's endpoint, and closes it when its delivery ends; the second argument says how many
seconds are left of the lease of what is posted."""

_NOT_AUTHORIZED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError)

FIRST_RESTART_SECONDS = 1.0
RESTART_CAP_SECONDS = 60.0
STEADY_SECONDS = 60.0
"""A delivery that lived so long begins its restarts anew."""


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
        lasting, restarts = self._tools(destination), 0
        while True:
            began, lease = self._now(), self._connection.lease()
            park = partial(self._dead_letters.park, check=lease.check)
            try:
                async with self._reach(destination, lambda: lease.left) as attempt:  # noqa: B023 - not used after
                    reason = await self._deliver(replace(lasting, attempt=attempt, park=park, lease=lease))
            except Exception as error:  # whatever it is, it is this destination's trouble alone
                reason = error
            self._failed.add(destination.incarnation)
            lasting.state.faulted(Trouble.CRASHED, _named(reason))
            restarts = 0 if self._now() - began > STEADY_SECONDS else restarts + 1
            seconds = min(FIRST_RESTART_SECONDS * 2 ** max(0, restarts - 1), RESTART_CAP_SECONDS)
            log.error(
                "%s: delivery ended by %s, starts again in %s s", destination.name, type(reason).__name__, seconds
            )
            await asyncio.sleep(seconds)

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

    async def _deliver(self, tools: Tools) -> BaseException | None:
        """Run one delivery until it crashes; return why."""
        delivery = Delivery(tools, self._connection)  # a beacon of its own, so its crash stays its own
        self._live[tools.destination.incarnation] = delivery
        try:
            await delivery.start()
            await delivery.over.wait()
        finally:
            stopping = asyncio.ensure_future(delivery.stop())
            try:
                await asyncio.shield(stopping)
            finally:  # to its end, which is bounded, also when it stops after a crash and is to stop for good now
                await asyncio.wait([stopping])
                del self._live[tools.destination.incarnation]
        return delivery.crash_reason  # type: ignore[no-any-return]


def _named(reason: BaseException | None) -> str:
    return "not-authorized" if isinstance(reason, _NOT_AUTHORIZED) else "crashed"


async def _unreachable(export: Export) -> Outcome:
    raise NotImplementedError("a destination is reached through what its reach yields")
