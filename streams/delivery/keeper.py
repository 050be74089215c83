"""Keeps one destination delivered: after each crash by a new instance, by what outlives them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial

import structlog
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError

from streams.crashes import told
from streams.delivery.dead_letters import DeadLetters
from streams.delivery.member import Connection
from streams.delivery.service import Delivery
from streams.delivery.states import Trouble
from streams.delivery.tools import Attempt, Tools
from streams.destinations import Destination

Reach = Callable[[Destination, Callable[[], float]], AbstractAsyncContextManager[Attempt]]
"""Opens the way to a destination's endpoint, and closes it when its delivery ends; the second argument says how many
seconds are left of the lease of what is posted."""

_NOT_AUTHORIZED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError)

FIRST_RESTART_SECONDS = 1.0
RESTART_CAP_SECONDS = 60.0
STEADY_SECONDS = 60.0
"""A delivery that lived so long begins its restarts anew."""


class Keeper:
    """Of one destination; *lasting* is what outlives each instance: what was learned of the destination."""

    def __init__(self, lasting: Tools, connection: Connection, reach: Reach, dead_letters: DeadLetters) -> None:
        self._lasting, self._connection, self._reach, self._dead_letters = lasting, connection, reach, dead_letters
        self.delivery: Delivery | None = None
        """The instance of this moment."""
        self._has_failed = False

    @property
    def is_settled(self) -> bool:
        """Whether it has joined its group, or failed on its own."""
        return self._has_failed or (self.delivery is not None and self.delivery.settled.is_set())

    async def keep(self) -> None:
        """Deliver until cancelled, with a new instance after each crash."""
        lasting, restarts = self._lasting, 0
        while True:
            began, lease = lasting.now(), self._connection.lease()
            park = partial(self._dead_letters.park, check=lease.check)
            try:
                async with self._reach(lasting.destination, lambda: lease.left) as attempt:  # noqa: B023 - not used after
                    reason = await self._deliver(replace(lasting, attempt=attempt, park=park, lease=lease))
            except Exception as error:  # whatever it is, it is this destination's trouble alone
                reason = error
            self._has_failed = True
            lasting.state.faulted(Trouble.CRASHED, _named(reason))
            restarts = 0 if lasting.now() - began > STEADY_SECONDS else restarts + 1
            seconds = min(FIRST_RESTART_SECONDS * 2 ** max(0, restarts - 1), RESTART_CAP_SECONDS)
            name, why = lasting.destination.name, {} if reason is None else told(reason)
            structlog.get_logger().error("delivery.crashed", destination=name, again_in_seconds=seconds, **why)
            await asyncio.sleep(seconds)

    async def _deliver(self, tools: Tools) -> BaseException | None:
        """Run one delivery until it crashes; return why."""
        delivery = self.delivery = Delivery(tools, self._connection)  # a beacon of its own, so its crash stays its own
        try:
            await delivery.start()
            await delivery.over.wait()
        finally:
            stopping = asyncio.ensure_future(delivery.stop())
            try:
                await asyncio.shield(stopping)
            finally:  # to its end, which is bounded, also when it stops after a crash and is to stop for good now
                await asyncio.wait([stopping])
                self.delivery = None
        return delivery.crash_reason  # type: ignore[no-any-return]


def _named(reason: BaseException | None) -> str:
    return "not-authorized" if isinstance(reason, _NOT_AUTHORIZED) else "crashed"
