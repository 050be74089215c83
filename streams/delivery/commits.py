"""What a member commits: how far each partition has come and what has ended above, one commit at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.delivery.member import Member
from streams.delivery.windows import Window

log = logging.getLogger(__name__)


class Commits:
    """Of one member; *name* is its destination's, and a commit takes at most *seconds*."""

    def __init__(self, member: Member, name: str, seconds: float) -> None:
        self._member, self._name, self._seconds = member, name, seconds
        self.turn = asyncio.Lock()
        """Held by whoever commits: a commit from before must not follow a later one."""

    async def commit(self, windows: Mapping[TopicPartition, Window]) -> dict[TopicPartition, int]:
        """Commit what is due and return it. A refusal or a broker away loses nothing: it is due again next time."""
        async with self.turn:
            due = {tp: mark for tp, window in windows.items() if (mark := window.due) is not None}
            if not due or not self._member.may_write:
                return {}
            try:
                await asyncio.wait_for(self._member.commit_marks(due), self._seconds)
            except (KafkaError, TimeoutError) as error:
                log.warning("%s: a commit was refused: %s", self._name, type(error).__name__)
                return {}
            for tp, mark in due.items():
                windows[tp].committed(mark)
            return {tp: mark.offset for tp, mark in due.items()}
