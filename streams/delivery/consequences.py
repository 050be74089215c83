"""What follows the outcome of an attempt: the export ends, or waits in its lane for the next attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import cast

from streams.delivery.ending import Ends
from streams.delivery.health import Verdict
from streams.delivery.lanes import Lanes
from streams.delivery.pace import Pace
from streams.delivery.pending import Pending
from streams.delivery.probing import Probing
from streams.delivery.refusals import Refusal
from streams.delivery.retries import exhausted
from streams.delivery.superseding import Superseding
from streams.delivery.tools import Tools
from streams.ends import ExportEnd, Reason
from streams.exports import Export
from streams.outcomes import DestinationFault, Outcome, Refused, Retryable

_Failure = Retryable | Refused | DestinationFault


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
        tools.health.bounds = tools.destination.delivery
        self._probing = Probing(tools, pace)

    @property
    def retrying(self) -> Iterable[Pending]:
        """The heads that have failed, each of a profile of its own."""
        return cast("Iterable[Pending]", self._tools.health.retrying)

    def follow(self, pending: Pending, export: Export, outcome: Outcome, *, is_probe: bool) -> None:
        """Do with a taken head what its outcome says, after an attempt that was begun at fault if it is a probe."""
        tools, now = self._tools, self._tools.now()
        verdict = tools.health.judge(pending, outcome, now, is_probe=is_probe)
        if verdict is Verdict.DELIVERED:
            tools.progress.delivered(now)
            tools.revisions.delivered(pending.key, export.meta.revision)
            self._ends.end(pending, ExportEnd.DELIVERED)
            if is_probe:
                self._probing.follow(now)
                self._try_soon()
            return
        failure = cast("_Failure", outcome)
        self._probing.follow(now)
        self._probing.failed(failure, now, is_probe=is_probe)
        self._unless_delivered(pending, failure, verdict, now)

    def look(self, now: float, holders: Iterable[Pending]) -> None:
        """Note the time, and which heads hold up everything behind them."""
        held_up = list(holders)
        self._tools.health.look(now, is_held_up=bool(held_up))
        self._probing.follow(now)
        self._probing.look(now)
        self._tools.progress.held_up(now, () if self._pace.at_fault or self._tools.health.is_suspect else held_up)

    def close(self) -> None:
        """Let none become ready again."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._tools.health.handed_over()

    def _unless_delivered(self, pending: Pending, failure: _Failure, verdict: Verdict, now: float) -> None:
        match verdict:
            case Verdict.REFUSED:
                self._ends.give_up(pending, Reason.REFUSED, failure.reason)
            case Verdict.GIVEN_UP:
                self._ends.give_up(pending, Reason.EXHAUSTED, failure.reason)
            case Verdict.WAITS:
                self._note_refusal(pending, failure)
                self._superseding.wait(pending)
                self._lanes.later(pending)
            case _:
                self._retry(pending, failure, now)

    def _note_refusal(self, pending: Pending, failure: _Failure) -> None:
        """Remember what an operator may let end, should it be refused until then."""
        if isinstance(failure, Retryable) or failure.status is None:
            self._tools.refusals.ended(pending.place)
        else:
            self._tools.refusals.waits(pending.place, Refusal(failure.reason, failure.status, pending.attempts))

    def _retry(self, pending: Pending, failure: _Failure, now: float) -> None:
        progress, retry = self._tools.progress, self._retry_policy
        if self._tools.health.is_suspect:
            progress.doubted(now)
        elapsed = progress.elapsed(now)
        if pending.retried_from is None:
            pending.retried_from = elapsed
        pending.retries += 1
        is_over = exhausted(pending.retries, elapsed - pending.retried_from + pending.held, retry)
        if is_over and pending.company > 1:
            pending.most = 1  # perhaps it was another of its company: nobody is given up for that
        elif is_over:
            self._tools.health.ended(pending)
            self._ends.give_up(pending, Reason.EXHAUSTED, failure.reason)
            return
        self._wait(pending, failure)

    def _wait(self, pending: Pending, failure: _Failure) -> None:
        """Let the lane wait until its head is to be tried again."""
        attempts = pending.attempts_before + pending.attempts
        seconds = self._tools.pause(attempts, failure, self._retry_policy, self._tools.random)
        self._timers[pending] = self._loop.call_later(seconds, self._wake, pending)
        self._superseding.wait(pending)

    def _try_soon(self) -> None:
        """Let no head wait out what it was given while the destination came to be at fault: that is over.

        They come back one by one within the first wait, not together; Adobe's waits are its contract, and stay.
        """
        if self._retry_policy.policy == "adobe":
            return
        now = self._loop.time()
        for pending, timer in self._timers.items():
            soon = now + self._retry_policy.first_seconds * self._tools.random()
            if soon < timer.when():
                timer.cancel()
                self._timers[pending] = self._loop.call_at(soon, self._wake, pending)

    def _wake(self, pending: Pending) -> None:
        del self._timers[pending]
        self._lanes.again(pending)
        self._go_on()
