"""What activation does from time to time, beside the records.

It removes, exports what is owed, asks to expire what is due, puts commands back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from streams.activation.expiring import Expiring
from streams.activation.faults import Faults
from streams.activation.obeying import Commands
from streams.activation.outbox import Outbox
from streams.activation.upkeep import Upkeep
from streams.engine import Message

EVERY_SECONDS = 1.0
"""How often it is looked whether something is to be done: about as often as offsets are committed."""

Ask = Callable[[str], Awaitable[str | None]]


class Chores:
    """For the partitions of each assignment, while *ready* says that they are ours and recovered."""

    def __init__(
        self,
        upkeep: Upkeep,
        expiring: Expiring,
        commands: Commands,
        faults: Faults,
        outbox: Outbox[Message],
        ask: Ask,
        ready: Callable[[], bool],
    ) -> None:
        """*ask* asks the brokers why a topic would refuse what is written to it."""
        self._upkeep, self._expiring, self._commands, self._faults = upkeep, expiring, commands, faults
        self._outbox, self._ask, self._ready = outbox, ask, ready

    async def run(self) -> None:
        """Do what is due, again and again, until cancelled."""
        while True:
            await self._ask_topics()
            if self._ready():
                self._commands.put_back()
                await self._look()
                await self._remove()
                await self._expire()
            await asyncio.sleep(EVERY_SECONDS)

    async def _ask_topics(self) -> None:
        for topic in list(self._faults.due(self._upkeep.unsure)):
            reason = await self._ask(topic)
            if reason is not None:
                self._faults.refused(topic, reason)
            else:
                if topic in self._faults:
                    structlog.get_logger().info("activation.topic-asked-again", topic=topic)
                self._faults.accepted(topic)

    async def _look(self) -> None:
        """Look at what waits, a few profiles in each turn; what was put before must be on the disk for that."""
        if not self._upkeep.is_due and not self._upkeep.is_looking:
            return
        await self._outbox.flushed()
        while self._ready():
            self._upkeep.look(self._outbox)
            await self._yield()
            if not self._upkeep.is_looking:
                return

    async def _remove(self) -> None:
        while self._ready() and self._upkeep.remove(self._outbox):
            await self._yield()

    async def _expire(self) -> None:
        """Ask for what is due; where a walk is, what was put before it must be on the disk for that."""
        if self._expiring.is_walk_due:
            self._expiring.begin()
            await self._outbox.flushed()
        while self._ready() and self._expiring.is_walking:
            self._expiring.walk()
            await self._yield()
        while self._ready() and self._expiring.ask(self._outbox):
            await self._yield()

    async def _yield(self) -> None:
        await self._outbox.room()
        await asyncio.sleep(0)
