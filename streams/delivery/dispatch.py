"""The exports of one assignment on their way: each is taken through its lane to its end.

A dispatch lives from the assignment of partitions to their release; a rebalance makes a new one, so nothing of the
old one can post after. Runners, at most ``max_in_flight`` tasks, serve whichever lane is ready: a failed head waits
without a runner, and a burst over many profiles costs no task per record.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence

from aiokafka import TopicPartition

from streams.delivery.attempting import attempted
from streams.delivery.backlog import Backlog
from streams.delivery.ending import Ends
from streams.delivery.giving_up import LAPSE_SECONDS
from streams.delivery.lanes import Lanes
from streams.delivery.pace import Pace
from streams.delivery.pending import Pending, Record, read_export
from streams.delivery.states import Trouble
from streams.delivery.tasks import Tasks
from streams.delivery.tools import Tools
from streams.delivery.windows import Window
from streams.ends import ExportEnd, Reason
from streams.exports import Export
from streams.groups.lease import LapsedError
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable

log = logging.getLogger(__name__)

FAULTY_PROFILES = 3
"""So many profiles in retry are the destination's trouble, not theirs (design law 4.6)."""
CANCEL_SECONDS = 1.0
"""How long a cancelled request may take to close its connection."""


class Dispatch:
    """Serves what ``accept`` takes until ``drain`` and ``release``; then it posts nothing any more.

    *defect* is told of an exception that no outcome stands for.
    """

    def __init__(
        self, tools: Tools, windows: Mapping[TopicPartition, Window], *, defect: Callable[[BaseException], None]
    ) -> None:
        self._tools, self._bounds = tools, tools.destination.delivery
        self._version, self._min_version = tools.destination.version, tools.destination.min_version
        self.backlog = Backlog(tools, windows)
        self._lanes: Lanes[Pending] = Lanes()
        self._pace, self._runners = Pace(self._bounds.max_in_flight, self._kick), 0
        self._tasks = Tasks(defect)
        self._ends = Ends(tools, self.backlog, self._lanes, self._tasks, self._kick)
        self._timers: dict[Pending, asyncio.TimerHandle] = {}
        self._loop = asyncio.get_running_loop()
        self._closed = self._released = self._lapsed = self._is_behind = False
        if tools.state.has(Trouble.ENDPOINT):
            self._pace.fault()

    @property
    def blocked(self) -> bool:
        """Whether one or two profiles that are to be tried again hold up everything behind them."""
        if self._lapsed or not 0 < len(self._timers) < FAULTY_PROFILES:
            return False
        return self.backlog.full_by_itself or bool(self.backlog.ahead)

    @property
    def full(self) -> bool:
        """Whether nothing more may be fetched for now."""
        return self._closed or self.backlog.full

    @property
    def in_flight(self) -> int:
        """How many runners are serving."""
        return self._runners

    def accept(self, partition: TopicPartition, records: Sequence[Record]) -> bool:
        """Take records of one partition, in the order of their offsets; false if it is not ours, or no longer."""
        if self._closed or partition not in self.backlog.windows:
            return False
        self.backlog.fetched(partition, records, self._lanes.add)
        self._kick()
        return True

    def polled(self, count: int) -> None:
        """Note that a poll has returned, with records of *count* partitions."""
        self._tools.state.over(Trouble.CRASHED)
        if not (count or self.backlog.pending or self._closed):
            self._tools.state.over(Trouble.ENDPOINT)  # nothing waits for it here: what failed may be another worker's

    async def drain(self, seconds: float) -> None:
        """Begin nothing more and wait, at most *seconds*, until the open requests have ended.

        What has ended above an export that was not begun is in the commit, too, so nothing of it is repeated.
        """
        self._closed = True
        self._lanes.close()
        await self._tasks.drained(seconds)

    async def release(self) -> None:
        """Stop serving at once; what has not ended is handed over to whoever is assigned the partitions next."""
        self._closed = self._released = self._ends.closed = True
        self._pace.close()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        if tasks := list(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CANCEL_SECONDS)
        self.backlog.hand_over()

    def _kick(self) -> None:
        """Let as many runners run as there is work for."""
        for _ in range(min(self._pace.limit - self._runners, self._lanes.ready)):
            self._runners += 1
            self._tasks.spawn(self._run())

    async def _run(self) -> None:
        try:
            while self._runners <= self._pace.limit and (pending := self._lanes.take()) is not None:
                await self._serve(pending)
        finally:
            self._runners -= 1

    async def _serve(self, pending: Pending) -> None:
        """Take a head one step further: to its end, or to its next attempt."""
        export = pending.export
        if export is None:
            export = pending.export = read_export(pending.record)
        if export is None:
            self._ends.give_up(pending, Reason.INVALID_EXPORT, "not written by activation")
        elif export.meta.version < self._min_version:
            self._ends.withdraw(pending, export)
        elif export.meta.version > self._version:
            self._stand_still(export)
        elif self._tools.revisions.overtaken(pending.key, export.meta.revision):
            self._ends.end(pending, ExportEnd.OVERTAKEN)
        else:
            await self._deliver(pending, export)

    def _stand_still(self, export: Export) -> None:
        """Leave the lane as it is: what a later version of the document rendered goes out by that one, or never."""
        if not self._is_behind:
            self._is_behind = True
            name, version = self._tools.destination.name, export.meta.version
            log.info("%s: exports of version %s wait until it is followed here", name, version)

    async def _deliver(self, pending: Pending, export: Export) -> None:
        """Make an attempt, unless another worker may have the partition by now, and follow its outcome."""
        if self._tools.asked:
            self._tools.asked.answered(pending.key)
        if not await self._slot():
            return
        try:
            self._tools.lease.check()
            self._lapsed = False
            outcome = await attempted(self._tools, pending, export)
        except LapsedError:
            if not self._released:
                self._lapse(pending)
            return
        finally:
            self._tools.shared.slots.give()
        if not self._released:
            self._decide(pending, export, outcome)

    async def _slot(self) -> bool:
        """Take a slot of the process; false if nothing may be begun any more by the time that one is free."""
        slots = self._tools.shared.slots
        if slots.take():
            return True
        with self._tasks.idle():
            await slots.taken()
        if self._closed:
            slots.give()
        return not self._closed

    def _lapse(self, pending: Pending) -> None:
        """Begin nothing until the lease is renewed, or all is handed over; what was tried without it is no attempt."""
        if not self._lapsed:
            self._lapsed = True
            self._tools.telemetry.lapsed()
            log.warning("%s: the lease has lapsed: nothing is posted until it is renewed", self._tools.destination.name)
        self._tools.progress.stopped(self._tools.now())
        self._pace.hold(LAPSE_SECONDS)
        self._lanes.again(pending)

    def _decide(self, pending: Pending, export: Export, outcome: Outcome) -> None:
        match outcome:
            case Delivered():
                self._tools.progress.delivered(self._tools.now())
                self._tools.revisions.delivered(pending.key, export.meta.revision)
                self._ends.end(pending, ExportEnd.DELIVERED)
                if self._pace.at_fault:
                    self._pace.recover()
                    self._tools.state.over(Trouble.ENDPOINT)
            case Refused():
                self._ends.give_up(pending, Reason.REFUSED, outcome.reason)
            case DestinationFault():
                self._pace.fault()
                self._tools.state.faulted(Trouble.ENDPOINT, outcome.reason)
                self._wait(pending, outcome)
            case Retryable():
                self._retry(pending, outcome)

    def _retry(self, pending: Pending, outcome: Retryable) -> None:
        retry, elapsed = self._bounds.retry, self._tools.progress.elapsed(self._tools.now())
        if pending.retried_from is None:
            pending.retried_from = elapsed
        if elapsed - pending.retried_from >= retry.max_elapsed_seconds:
            self._ends.give_up(pending, Reason.EXHAUSTED, outcome.reason)
            return
        if outcome.retry_after:
            self._pace.hold(min(outcome.retry_after, retry.retry_after_cap_seconds))
        self._wait(pending, outcome)

    def _wait(self, pending: Pending, outcome: Outcome) -> None:
        """Let the lane wait until its head is to be tried again."""
        seconds = self._tools.pause(pending.attempts, outcome, self._bounds.retry, self._tools.random)
        self._timers[pending] = self._loop.call_later(seconds, self._wake, pending)

    def _wake(self, pending: Pending) -> None:
        del self._timers[pending]
        self._lanes.again(pending)
        self._kick()
