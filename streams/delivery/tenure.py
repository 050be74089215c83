"""What a member holds its assigned partitions for: begun, judged again where they stand still, and released.

Each assignment, and each time that it is begun anew, has a dispatch of its own, so that nothing of an earlier one can
post after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.delivery.commits import Commits
from streams.delivery.dispatch import Dispatch
from streams.delivery.member import Connection, Member
from streams.delivery.standing import Standing
from streams.delivery.tasks import Tasks
from streams.delivery.tools import Tools
from streams.delivery.windows import Window

ANSWER_SECONDS = 1.0
"""How soon the answer to a gap is tried again where the broker failed."""


class Tenure:
    """Of one member; *defect* is told of an exception that is nobody's outcome."""

    def __init__(
        self, tools: Tools, member: Member, connection: Connection, *, defect: Callable[[BaseException], None]
    ) -> None:
        self._tools, self._member, self._defect = tools, member, defect
        self._drain_seconds = connection.drain_seconds
        self.standing = Standing(tools, member, connection.journal)
        self._commits = Commits(member, tools.destination.name, connection.drain_seconds)
        self._releasing = asyncio.Lock()
        self._work = Tasks(defect)
        """What is under way for the assignment in force."""
        self.dispatch: Dispatch | None = None
        """None until it is known where the assigned partitions go on."""
        self.settled = asyncio.Event()
        """Set when it is known where the first assigned partitions go on, be it none."""

    @property
    def partitions(self) -> set[int]:
        """The partitions that are begun."""
        return {tp.partition for tp in self.dispatch.backlog.windows} if self.dispatch else set()

    def begin(self, assigned: set[TopicPartition]) -> None:
        """Begin to find out where they go on, apart from here; until then nothing of them is fetched."""
        self._member.hold(assigned)
        self._work.spawn(self._begin(assigned))

    async def _begin(self, assigned: set[TopicPartition]) -> None:
        """Begin with an empty dispatch: nothing of an earlier assignment is left."""
        windows = await self.standing.begun(assigned)
        self.dispatch = Dispatch(self._tools, windows, defect=self._defect)
        self._member.fetch_all_but(self.standing.held)
        self.settled.set()
        await self.answer()

    async def release(self) -> None:
        """Drain, stop posting, commit what has ended, and hand the rest over."""
        async with self._releasing:
            for task in self._work - {asyncio.current_task()}:
                task.cancel()
            if (dispatch := self.dispatch) is None:
                return
            try:
                await dispatch.drain(self._drain_seconds)
            finally:
                await dispatch.release()
                await self._commit(dispatch)
                self.dispatch = None
                self.standing.over()

    async def commit(self) -> None:
        """Commit what is due."""
        if self.dispatch is not None:
            await self._commit(self.dispatch)

    async def _commit(self, dispatch: Dispatch) -> None:
        self.standing.committed(await self._commits.commit(dispatch.backlog.windows))

    def found_late(self, partitions: Iterable[TopicPartition]) -> None:
        """Hold partitions that have nothing where we are: retention was faster, or the topic was made anew."""
        dispatch = self.dispatch
        for each in partitions:
            if dispatch is not None and self.standing.suspects(each):
                self._work.spawn(self._judge_again(dispatch, each))
        self._member.fetch_all_but(self.standing.held)

    async def _judge_again(self, dispatch: Dispatch, partition: TopicPartition) -> None:
        # What is under way may still come to its end, and an operator see what is gone.
        await dispatch.backlog.settled(partition, self._drain_seconds)
        await self._commit(dispatch)
        if await self.standing.judged_again((partition.topic, partition.partition)):
            await self.answer()
            return
        await self.release()
        await self._begin(set(dispatch.backlog.windows))

    async def answer(self) -> None:
        """Let partitions go on whose gaps an operator has accepted; where the broker fails it is tried again."""
        while (dispatch := self.dispatch) is not None:
            try:
                async with self._commits.turn, asyncio.timeout(self._drain_seconds):
                    for each in await self.standing.answered():
                        dispatch.backlog.windows[TopicPartition(*each)] = Window()
                return
            except (KafkaError, TimeoutError):
                await asyncio.sleep(ANSWER_SECONDS)
