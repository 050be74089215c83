"""Keeps one destination delivered: changed in place, and after each crash by a new instance."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

import structlog
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError

from streams.crashes import told
from streams.delivery.dead_letters import DeadLetters
from streams.delivery.member import Connection
from streams.delivery.service import Delivery
from streams.delivery.states import Trouble
from streams.delivery.tenure import followed
from streams.delivery.tools import Tools
from streams.delivery.ways import Reach, Ways
from streams.destinations import Destination

_NOT_AUTHORIZED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError)

FIRST_RESTART_SECONDS = 1.0
RESTART_CAP_SECONDS = 60.0
STEADY_SECONDS = 60.0
"""A delivery that lived so long begins its restarts anew."""


class Keeper:
    """Of one incarnation; *lasting* is what outlives each instance: what was learned of the destination.

    *is_current* waits until what was written of documents by now is read, and says whether a destination is still the
    one to follow.
    """

    def __init__(
        self,
        lasting: Tools,
        connection: Connection,
        reach: Reach,
        dead_letters: DeadLetters,
        is_current: Callable[[Destination], Awaitable[bool]],
    ) -> None:
        self._lasting, self._connection, self._reach, self._dead_letters = lasting, connection, reach, dead_letters
        self._is_current = is_current
        self.destination = self.followed = lasting.destination
        """What is delivered by; and what of it is in force: nothing that was begun by another is under way."""
        self.delivery: Delivery | None = None
        """The instance of this moment."""
        self._tools, self._ways = lasting, Ways(reach, lambda: 0.0, lasting.limiter.admitted)
        self._changing, self._changed = asyncio.Lock(), asyncio.Event()
        self._has_failed = False

    @property
    def is_settled(self) -> bool:
        """Whether it has joined its group, or failed on its own."""
        return self._has_failed or (self.delivery is not None and self.delivery.settled.is_set())

    async def follow(self, destination: Destination) -> None:
        """Deliver by *destination*, another version, from now on; returns when that is in force.

        Raises what opening the way to its endpoint raises: then all stays as it was.
        """
        async with self._changing:
            if self.delivery is None:
                former, self.destination = self.destination, destination
                followed(replace(self._lasting, destination=destination), former)
            else:
                attempt = await self._ways.to(destination)
                self.destination = destination
                self._tools = self._by(destination, replace(self._tools, attempt=attempt))
                await self.delivery.follow(self._tools)
                await self._ways.close_former()
            self.followed = destination
            self._changed.set()

    async def stay(self) -> None:
        """Go on by what is in force, where a change was announced and is not to be."""
        async with self._changing:
            if self.delivery is not None:
                await self.delivery.follow(self._tools)

    async def keep(self) -> None:
        """Deliver until cancelled, with a new instance after each crash."""
        restarts, lasting = 0, self._lasting
        while True:
            began = lasting.now()
            try:
                reason = await self._live()
            except Exception as error:  # whatever it is, it is this destination's trouble alone
                reason = error
            self._changed.clear()
            self._has_failed = True
            lasting.state.faulted(Trouble.CRASHED, _named(reason))
            restarts = 0 if lasting.now() - began > STEADY_SECONDS else restarts + 1
            seconds = min(FIRST_RESTART_SECONDS * 2 ** max(0, restarts - 1), RESTART_CAP_SECONDS)
            name, why = self.destination.name, {} if reason is None else told(reason)
            structlog.get_logger().error("delivery.crashed", destination=name, again_in_seconds=seconds, **why)
            if await self._is_changed_within(seconds):
                restarts = 0

    async def _is_changed_within(self, seconds: float) -> bool:
        """Wait for so long, or until there is another version, which may be what helps."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._changed.wait()
        return False

    async def _live(self) -> BaseException | None:
        """Run one instance until it crashes; return why."""
        lease = self._connection.lease()
        admitted = self._lasting.limiter.admitted
        ways, park = (
            Ways(self._reach, lambda: lease.left, admitted),
            partial(self._dead_letters.park, check=lease.check),
        )
        try:
            async with self._changing:
                attempt = await ways.to(self.destination)
                tools = self._by(self.destination, replace(self._lasting, attempt=attempt, park=park, lease=lease))
                self._tools, self._ways = tools, ways
                delivery = self.delivery = Delivery(tools, self._connection)  # a beacon of its own: so is its crash
            return await self._run(delivery)
        finally:
            async with self._changing:
                self.delivery = None
                await ways.close()

    async def _run(self, delivery: Delivery) -> BaseException | None:
        try:
            await delivery.start()
            await delivery.over.wait()
        finally:
            stopping = asyncio.ensure_future(delivery.stop())
            try:
                await asyncio.shield(stopping)
            finally:  # to its end, which is bounded, also when it stops after a crash and is to stop for good now
                await asyncio.wait([stopping])
        return delivery.crash_reason  # type: ignore[no-any-return]

    def _by(self, destination: Destination, tools: Tools) -> Tools:
        return replace(tools, destination=destination, is_current=partial(self._is_current, destination))


def _named(reason: BaseException | None) -> str:
    return "not-authorized" if isinstance(reason, _NOT_AUTHORIZED) else "crashed"
