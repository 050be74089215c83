"""What follows the outcome of an attempt: the export ends, or waits in its lane for the next attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from streams.delivery.ending import Ends
from streams.delivery.lanes import Lanes
from streams.delivery.pace import Pace
from streams.delivery.pending import Pending
from streams.delivery.retries import asked_of_all, exhausted
from streams.delivery.states import Trouble
from streams.delivery.superseding import Superseding
from streams.delivery.tools import Tools
from streams.ends import ExportEnd, Reason
from streams.exports import Export
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused, Retryable


class Consequences:
    """Of one dispatch; *go_on* is called when a waiting head is ready again."""

    def __init__(
        self,
        tools: Tools,
        superseding: Superseding,
        lanes: Lanes[Pending],
        pace: Pace,
        ends: Ends,
        go_on: Callable[[], None],
    ) -> None:
        self._tools, self._lanes, self._pace, self._ends, self._go_on = tools, lanes, pace, ends, go_on
        self._superseding = superseding
        self._retry_policy = tools.destination.delivery.retry
        self._timers: dict[Pending, asyncio.TimerHandle] = {}
        self._loop = asyncio.get_running_loop()

    @property
    def waiting(self) -> int:
        """How many heads, each of a profile of its own, wait for their next attempt."""
        return len(self._timers)

    def follow(self, pending: Pending, export: Export, outcome: Outcome) -> None:
        """Do with a taken head what its outcome says."""
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
                self._hold(outcome)
                self._wait(pending, outcome)
            case Retryable():
                self._retry(pending, outcome)

    def close(self) -> None:
        """Let none become ready again."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _retry(self, pending: Pending, outcome: Retryable) -> None:
        retry, elapsed = self._retry_policy, self._tools.progress.elapsed(self._tools.now())
        if pending.retried_from is None:
            pending.retried_from = elapsed
        if not self._pace.at_fault:
            pending.retries += 1
        is_over = exhausted(pending.retries, elapsed - pending.retried_from, retry)
        if is_over and pending.company > 1:
            pending.most = 1  # perhaps it was another of its company: nobody is given up for that
        elif is_over:
            self._ends.give_up(pending, Reason.EXHAUSTED, outcome.reason)
            return
        self._hold(outcome)
        self._wait(pending, outcome)

    def _hold(self, outcome: Retryable | DestinationFault) -> None:
        """Begin nothing for as long as the endpoint asks, and a little longer: it concerns all that is sent to it."""
        if outcome.retry_after:
            self._pace.hold(asked_of_all(outcome.retry_after, self._retry_policy, self._tools.random))

    def _wait(self, pending: Pending, outcome: Outcome) -> None:
        """Let the lane wait until its head is to be tried again."""
        attempts = pending.attempts_before + pending.attempts
        seconds = self._tools.pause(attempts, outcome, self._retry_policy, self._tools.random)
        self._timers[pending] = self._loop.call_later(seconds, self._wake, pending)
        self._superseding.wait(pending)

    def _wake(self, pending: Pending) -> None:
        del self._timers[pending]
        self._lanes.again(pending)
        self._go_on()
