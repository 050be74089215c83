"""What a member holds its assigned partitions for: begun, changed in place, judged again, and released.

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
from streams.delivery.shares import Share
from streams.delivery.standing import Standing
from streams.delivery.states import Trouble
from streams.delivery.tasks import Tasks
from streams.delivery.tools import Tools
from streams.delivery.windows import Window
from streams.destinations import Account, Destination, Header

ANSWER_SECONDS = 1.0
"""How soon the answer to a gap is tried again where the broker failed."""
COMMIT_SECONDS = 0.2
"""How soon a commit is tried again that was refused."""
LATE_SECONDS = 0.5
"""How much longer than its time-out an open request may take, since its end has to be noticed."""


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
        self._assigned: set[TopicPartition] | None = None
        self._held: set[TopicPartition] | None = None
        """The assigned partitions while the destination is paused, or forbidden."""
        self.dispatch: Dispatch | None = None
        """None until it is known where the assigned partitions go on."""
        self.settled = asyncio.Event()
        """Set when it is known where the first assigned partitions go on, be it none, or that they do not for now."""

    @property
    def partitions(self) -> set[int]:
        """The partitions that are begun, or held while the destination is."""
        known = self._held if self.dispatch is None else self.dispatch.backlog.windows
        return {each.partition for each in known or ()}

    @property
    def is_begun(self) -> bool:
        """Whether it is known which partitions are assigned, and where they go on unless the destination is held."""
        return self.dispatch is not None or self._held is not None

    def begin(self, assigned: set[TopicPartition]) -> None:
        """Begin to find out where they go on, apart from here; until then nothing of them is fetched."""
        self._assigned = assigned
        self._member.hold(assigned)
        self._work.spawn(self._begin(assigned))

    async def _begin(self, assigned: set[TopicPartition]) -> None:
        """Begin with an empty dispatch: nothing of an earlier assignment is left."""
        tools = self._tools
        if not await tools.is_current():
            return  # another version of the document is on its way here, which begins
        if tools.destination.is_held:
            self._hold(tools, assigned)
            return
        tools.health.go_on(tools.now())
        windows = await self.standing.begun(assigned)
        if tools is not self._tools:
            return
        share = Share(len(windows), max(len(windows), self._member.partition_count))
        self.dispatch = Dispatch(tools, windows, share=share, defect=self._defect)
        self._member.fetch_all_but(self.standing.held)
        self.settled.set()
        await self.answer()

    def _hold(self, tools: Tools, assigned: set[TopicPartition]) -> None:
        """Fetch nothing while the destination is held, and let no clock run; the member stays in its group."""
        self._held = assigned
        self._member.fetch_all_but(assigned)
        tools.health.hold(tools.now())
        tools.progress.stopped(tools.now())
        tools.state.over(Trouble.CRASHED, *([Trouble.TOPIC] if assigned else []))
        self.settled.set()

    async def follow(self, tools: Tools) -> None:
        """Go on by *tools*; returns when nothing that was begun by others is under way any more.

        It is begun anew apart from here, since the broker may be long in that. A revocation meanwhile waits for its
        own time only.
        """
        former, self._tools = self._tools.destination, tools
        dispatch = self.dispatch
        if dispatch is not None:
            await dispatch.drain(former.delivery.timeout_seconds + LATE_SECONDS)
            await dispatch.release()
        followed(tools, former)
        self._work.spawn(self._begin_again(dispatch))

    async def _begin_again(self, former: Dispatch | None) -> None:
        """Begin with the same partitions once all that has ended is committed, so that nothing of it is repeated.

        Where the partitions went and came back meanwhile, that has been done.
        """
        while former is not None and self.dispatch is former and former.backlog.is_due:
            await self._commit(former)
            if former.backlog.is_due:
                await asyncio.sleep(COMMIT_SECONDS)
        if self.dispatch not in (former, None):
            return
        await self._release()
        if self._assigned is not None:
            await self._begin(self._assigned)

    async def release(self) -> None:
        """Drain, stop posting, commit what has ended, and hand the rest over: the partitions go."""
        self._assigned = None
        await self._release()

    async def _release(self) -> None:
        async with self._releasing:
            for task in self._work - {asyncio.current_task()}:
                task.cancel()
            self._held = None
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
        dispatch.committed()

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
        await self._release()
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


def followed(tools: Tools, former: Destination) -> None:
    """Note what another version of the document says of what was learned by the *former* one."""
    destination = tools.destination
    accepts = destination.refusals_accepted_at != former.refusals_accepted_at
    if accepts:
        tools.refusals.accept()
    if accepts or _way(former) != _way(destination):  # what failed was another way, or has been answered for
        tools.health.over()
        if tools.state.has(Trouble.ENDPOINT):
            tools.state.over(Trouble.ENDPOINT)
    tools.health.probe_soon()
    tools.state.follow(destination)


def _way(destination: Destination) -> tuple[Account, tuple[Header, ...]]:
    """Return what an endpoint's fault may be due to."""
    return destination.account, destination.headers
