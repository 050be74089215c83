"""What a destination's fault does to a dispatch: one probe at a time instead of all requests, until one is taken."""

from __future__ import annotations

from streams.delivery.health import Fault
from streams.delivery.pace import Pace
from streams.delivery.retries import asked_of_all, probe_interval
from streams.delivery.states import Trouble
from streams.delivery.tools import Tools
from streams.outcomes import Delivered, Outcome, Refused


class Probing:
    """Of one dispatch; a fault that was found by an earlier one of this worker goes on."""

    def __init__(self, tools: Tools, pace: Pace) -> None:
        self._tools, self._health, self._pace = tools, tools.health, pace
        self._retry = tools.destination.delivery.retry
        self._fault: Fault | None = None
        self._counted_until = now = tools.now()
        if self._health.quiet_until > now:
            pace.hold(self._health.quiet_until - now)
        self.follow(now)

    def follow(self, now: float) -> None:
        """Do what the destination's health says, if it says something else than before."""
        fault = self._health.fault
        if fault is not self._fault:
            self._count(now)
            self._fault = fault
            if fault is None:
                self._pace.recover()
                self._tools.state.over(Trouble.ENDPOINT)
            else:
                self._begin(fault, now)
        if fault is not None:
            self._tools.state.faulted(Trouble.ENDPOINT, fault.reason)

    def failed(self, outcome: Outcome, now: float, *, is_probe: bool) -> None:
        """Begin nothing for a while after a failure: for as long as the endpoint asks, and until the next probe."""
        if not isinstance(outcome, Delivered | Refused) and outcome.retry_after:
            seconds = asked_of_all(outcome.retry_after, self._retry, self._tools.random)
            self._health.quiet_until = max(self._health.quiet_until, now + seconds)
            self._pace.hold(seconds)
        if is_probe and self._fault is not None:
            self._schedule(self._fault, now)

    def look(self, now: float) -> None:
        """Count the time at fault."""
        self._count(now)

    def _begin(self, fault: Fault, now: float) -> None:
        self._tools.progress.stopped(now)
        self._pace.fault()
        if fault.probe_at is None:
            self._schedule(fault, now)
        else:
            self._pace.hold(max(0.0, fault.probe_at - now))

    def _schedule(self, fault: Fault, now: float) -> None:
        """Let the next probe wait, longer each time; when they only find out what ends, there is no need to."""
        is_over = self._health.is_given_up(now)
        seconds = 0.0 if is_over else probe_interval(fault.probes, self._retry, self._tools.random)
        fault.probe_at = now + seconds
        if seconds:
            self._pace.hold(seconds)

    def _count(self, now: float) -> None:
        if self._fault is not None:
            self._tools.telemetry.at_fault(max(0.0, now - self._counted_until))
        self._counted_until = now
