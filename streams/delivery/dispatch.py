"""The exports of one assignment on their way: each is taken through its lane to its end.

A dispatch lives from the assignment of partitions to their release; a rebalance makes a new one, so nothing of the
old one can post after. Runners, at most ``max_in_flight`` tasks, serve whichever lane is ready: a failed head waits
without a runner, and a burst over many profiles costs no task per record.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from aiokafka import TopicPartition

from streams.delivery.backlog import Backlog
from streams.delivery.batches import Batching
from streams.delivery.consequences import Consequences
from streams.delivery.ending import Ends
from streams.delivery.gathering import Gathering
from streams.delivery.holding import holders
from streams.delivery.lanes import Lanes
from streams.delivery.pace import Pace
from streams.delivery.pending import Pending, Record
from streams.delivery.serving import Serving
from streams.delivery.shares import WHOLE, Share
from streams.delivery.states import Trouble
from streams.delivery.superseding import Superseding
from streams.delivery.tasks import Tasks
from streams.delivery.tools import Tools
from streams.delivery.windows import Window

CANCEL_SECONDS = 1.0
"""How long a cancelled request may take to close its connection."""


class Dispatch:
    """Serves what ``accept`` takes until ``drain`` and ``release``; then it posts nothing any more.

    Its requests are within *share* of what the destination allows. *defect* is told of an exception that no outcome
    stands for.
    """

    def __init__(
        self,
        tools: Tools,
        windows: Mapping[TopicPartition, Window],
        *,
        share: Share = WHOLE,
        defect: Callable[[BaseException], None],
    ) -> None:
        self._tools, bounds = tools, tools.destination.delivery
        tools.limiter.limit(share.per_second(bounds.max_requests_per_second))
        self.backlog = Backlog(tools, windows)
        self._lanes: Lanes[Pending] = Lanes()
        self._pace, self._runners = Pace(share.in_flight(bounds.max_in_flight), self._kick), 0
        self._tasks = Tasks(defect)
        self._ends = Ends(tools, self.backlog, self._lanes, self._tasks, self._kick)
        self._superseding = Superseding(tools, self._lanes, self._ends)
        self._consequences = Consequences(tools, self._superseding, self._lanes, self._pace, self._ends, self._kick)
        self._serving = Serving(
            tools, self._superseding, self._lanes, self._pace, self._tasks, self._ends, self._consequences
        )
        self._turns: Serving | Gathering = self._serving
        if bounds.batch is not None:
            batching = Batching(bounds.batch, bounds.max_payload_bytes)
            parts = self._lanes, self._pace, self._serving, self._consequences
            self._turns = Gathering(batching, tools, *parts, self._kick)
        tools.refusals.keep({each.partition for each in windows})
        self._empty_since = tools.now()

    @property
    def full(self) -> bool:
        """Whether nothing more may be fetched for now; at fault, unless all profiles that are here have failed.

        A probe has to be of another profile than those that failed: perhaps they are all that is wrong.
        """
        if self._pace.at_fault and len(self._lanes) > len(self._tools.health.retrying):
            return True
        return self._serving.closed or self.backlog.full

    @property
    def in_flight(self) -> int:
        """How many runners are serving."""
        return self._runners

    def accept(self, partition: TopicPartition, records: Sequence[Record]) -> bool:
        """Take records of one partition, in the order of their offsets; false if it is not ours, or no longer."""
        if self._serving.closed or partition not in self.backlog.windows:
            return False
        self.backlog.fetched(partition, records, self._superseding.put)
        self._kick()
        return True

    def polled(self, count: int) -> None:
        """Note that a poll has returned, with records of *count* partitions."""
        tools, now = self._tools, self._tools.now()
        tools.state.over(Trouble.CRASHED)
        if self._serving.closed:
            return
        if count or self.backlog.pending:
            self._empty_since = now
        elif tools.health.fault and self._is_idle(now):
            tools.health.over()  # nothing waits for it here: what failed may be another worker's by now
        is_lapsed = self._serving.lapsed
        self._consequences.look(now, () if is_lapsed else holders(self.backlog, self._consequences.retrying))

    def _is_idle(self, now: float) -> bool:
        """Whether nothing waits here, and nothing will that was not fetched yet."""
        patience = self._tools.destination.delivery.fault_after_seconds if self.backlog.windows else 0.0
        return now - self._empty_since >= patience

    def committed(self) -> None:
        """Note that what was due was committed, as far as the windows say."""
        self._superseding.told()
        self._kick()

    async def drain(self, seconds: float) -> None:
        """Begin nothing more and wait, at most *seconds*, until the open requests have ended.

        What has ended above an export that was not begun is in the commit, too, so nothing of it is repeated.
        """
        self._turns.close()
        self._lanes.close()
        await self._tasks.drained(seconds)

    async def release(self) -> None:
        """Stop serving at once; what has not ended is handed over to whoever is assigned the partitions next."""
        self._ends.close()
        self._turns.close()
        self._pace.close()
        self._consequences.close()
        if tasks := list(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
        self.backlog.hand_over()

    def _kick(self) -> None:
        """Let as many runners run as there is work for; one more than the rate allows, who finds out until when."""
        most = min(self._pace.limit - self._runners, self._turns.due)
        if most > 1:
            most = min(most, self._tools.limiter.count + 1)
        for _ in range(most):
            self._runners += 1
            self._tasks.spawn(self._run())

    async def _run(self) -> None:
        try:
            while self._runners <= self._pace.limit and await self._turns.next():
                pass
        finally:
            self._runners -= 1
