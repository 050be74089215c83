"""The exports of one assignment on their way: each is taken through its lane to its end.

A dispatch lives from the assignment of partitions to their release; a rebalance makes a new one, so nothing of the
old one can post after. Runners, at most ``max_in_flight`` tasks, serve whichever lane is ready: a failed head waits
without a runner, and a burst over many profiles costs no task per record.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence

from aiokafka import TopicPartition

from streams.delivery.backlog import Backlog
from streams.delivery.dead_letters import Failure, NotParkedError, Stage
from streams.delivery.lanes import Lanes
from streams.delivery.pace import Pace
from streams.delivery.pending import Pending, Record, read_export, stand_in
from streams.delivery.tools import Tools
from streams.ends import ExportEnd, Reason
from streams.exports import Export
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
        self, tools: Tools, partitions: Iterable[TopicPartition], *, defect: Callable[[BaseException], None]
    ) -> None:
        self._tools, self._bounds, self._defect = tools, tools.destination.delivery, defect
        self.backlog = Backlog(tools, partitions)
        self._lanes: Lanes[Pending] = Lanes()
        self._pace, self._runners = Pace(self._bounds.max_in_flight, self._kick), 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[Pending, asyncio.TimerHandle] = {}
        self._loop = asyncio.get_running_loop()
        self._closed = self._released = False

    @property
    def blocked(self) -> bool:
        """Whether one or two profiles that are to be tried again hold up everything behind them."""
        if not 0 < len(self._timers) < FAULTY_PROFILES:
            return False
        return self.backlog.full or bool(self.backlog.ahead)

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

    async def drain(self, seconds: float) -> None:
        """Take nothing new and wait, at most *seconds*, until what was begun has ended.

        Exports below one that was begun are begun too: they would hold the commit position down, and what has ended
        above it would be repeated.
        """
        self._closed = True
        self._lanes.close(lambda pending: pending.record.offset <= pending.window.begun)
        self._kick()
        until = self._loop.time() + seconds
        while self._lanes and (left := until - self._loop.time()) > 0:
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                continue
            due = min((timer.when() for timer in self._timers.values()), default=until)
            if due >= until:
                return
            await asyncio.sleep(max(0.0, due - self._loop.time()))

    async def release(self) -> None:
        """Stop serving at once; what has not ended is handed over to whoever is assigned the partitions next."""
        self._closed = self._released = True
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
            self._spawn(self._run())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._spawned)

    def _spawned(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._defect(error)

    async def _run(self) -> None:
        try:
            while self._runners <= self._pace.limit and (pending := self._lanes.take()) is not None:
                await self._serve(pending)
        finally:
            self._runners -= 1

    async def _serve(self, pending: Pending) -> None:
        """Take a head one step further: to its end, or to its next attempt."""
        if pending.record.offset > pending.window.begun:
            pending.window.begun = pending.record.offset
        export = pending.export
        if export is None:
            export = pending.export = read_export(pending.record)
        if export is None:
            self._give_up(pending, Reason.INVALID_EXPORT, "not written by activation")
        elif self._tools.revisions.overtaken(pending.key, export.meta.revision):
            self._end(pending, ExportEnd.OVERTAKEN)
        else:
            outcome = await self._attempt(pending, export)
            if not self._released:
                self._decide(pending, export, outcome)

    async def _attempt(self, pending: Pending, export: Export) -> Outcome:
        tools = self._tools
        slots = tools.shared.slots
        if not slots.take():
            await slots.taken()
        began = tools.now()
        try:
            outcome = await tools.attempt(export)
        except Exception as error:  # one export's defect must not stop the others; it is tried again, then parked
            log.error("%s: an attempt raised %s", tools.destination.name, type(error).__name__)
            outcome = Retryable("unexpected-error")
        finally:
            slots.give()
        pending.attempts += 1
        pending.status = outcome.status
        tools.telemetry.attempted(outcome, tools.now() - began)
        return outcome

    def _decide(self, pending: Pending, export: Export, outcome: Outcome) -> None:
        match outcome:
            case Delivered():
                self._tools.progress.delivered(self._tools.now())
                self._tools.revisions.delivered(pending.key, export.meta.revision)
                self._end(pending, ExportEnd.DELIVERED)
                if self._pace.at_fault:
                    self._pace.recover()
                    self._tools.telemetry.state("activated", "")
            case Refused():
                self._give_up(pending, Reason.REFUSED, outcome.reason)
            case DestinationFault():
                self._pace.fault()
                self._tools.telemetry.state("faulted", outcome.reason)
                self._wait(pending, outcome)
            case Retryable():
                self._retry(pending, outcome)

    def _retry(self, pending: Pending, outcome: Retryable) -> None:
        retry, elapsed = self._bounds.retry, self._tools.progress.elapsed(self._tools.now())
        if pending.retried_from is None:
            pending.retried_from = elapsed
        if elapsed - pending.retried_from >= retry.max_elapsed_seconds:
            self._give_up(pending, Reason.EXHAUSTED, outcome.reason)
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

    def _give_up(self, pending: Pending, reason: Reason, detail: str) -> None:
        """Make a dead letter of a head, apart from the runners: the broker may be long in confirming it."""
        failure = Failure(
            stage=Stage.DELIVERY,
            reason=reason,
            detail=detail,
            destination=self._tools.destination.name,
            status=pending.status,
            attempts=pending.attempts,
        )
        self._spawn(self._park(pending, failure))

    async def _park(self, pending: Pending, failure: Failure) -> None:
        """End an export as a dead letter once that is confirmed; until then its offset is held."""
        tools, refusals = self._tools, 0
        while True:
            try:
                await tools.park(pending.record, failure)
                break
            except NotParkedError as error:
                refusals += 1
                log.warning("%s: a dead letter is not confirmed: %s", tools.destination.name, error)
            trouble = Retryable("not-parked")
            await asyncio.sleep(tools.pause(refusals, trouble, self._bounds.retry, tools.random))
        if not self._released:
            self._end(pending, ExportEnd.DEAD_LETTERED, failure.reason)
            self._kick()

    def _end(self, pending: Pending, end: ExportEnd, reason: Reason | None = None) -> None:
        tools = self._tools
        self.backlog.ended(pending)
        self._lanes.done(pending)
        tools.telemetry.ended(
            pending.export or stand_in(pending.record),
            end,
            reason=reason,
            status=pending.status,
            attempts=pending.attempts,
            seconds=tools.now() - pending.fetched_at,
        )
