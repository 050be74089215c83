"""Whether a destination is at fault: decided from how its attempts end, and what becomes of the record each time.

At fault is whatever concerns every record: nothing is delivered while several profiles fail, refusals have become a
storm, or an answer or a failure blames the connection itself. While that lasts no record is to blame: each one waits,
until a probe is delivered (design law 4.6). Pure: the clock is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import islice

from streams.delivery.lanes import Placed
from streams.delivery.rebuffs import Rebuffs
from streams.delivery.storms import Storm
from streams.destinations import Delivery
from streams.outcomes import Delivered, DestinationFault, Outcome, Refused

FAULTY_PROFILES = 3
"""So many profiles in retry are the destination's trouble, not theirs."""
NOTHING_DELIVERED, STORM = "nothing-delivered", "storm"


class Verdict(Enum):
    """What becomes of a record after an attempt."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """It ends: the endpoint will never take it."""
    RETRY = "retry"
    """It waits, and its clock runs."""
    WAITS = "waits"
    """It waits for a turn as a probe, and no clock runs."""
    GIVEN_UP = "given up"
    """It ends: the destination has been at fault for as long as its document allows."""


@dataclass(slots=True, eq=False)
class Fault:
    """One time at fault: why, and since when."""

    reason: str
    since: float
    probes: int = 0
    """How many have failed."""
    probe_at: float | None = None
    """When the next one may begin, once that is decided."""


class Health:
    """What is known of a destination, whatever partitions are assigned; *now* never runs backwards."""

    def __init__(self, bounds: Delivery | None = None) -> None:
        self.bounds = bounds or Delivery()
        """Of the version that is in force."""
        self.fault: Fault | None = None
        self.quiet_until = float("-inf")
        """Until when the endpoint asked to be left alone."""
        self.retrying: dict[Placed, int] = {}
        """The heads that failed, each of a profile of its own: how many exports had been delivered by then."""
        self._deliveries = 0
        self._silent_since: float | None = None
        self._held_since: float | None = None
        """Since when nothing is sent, since somebody wants that."""
        self._storm, self._rebuffs = Storm(), Rebuffs()

    @property
    def is_suspect(self) -> bool:
        """Whether several profiles are in retry that have not seen others delivered meanwhile.

        What failed while a multitude was delivered has a trouble of its own, and proves nothing of the destination.
        """
        # The heads stand in the order in which they first failed, so the third last speaks for those after it.
        known = next(islice(reversed(self.retrying.values()), FAULTY_PROFILES - 1, None), None)
        return known is not None and self._deliveries - known < self.bounds.max_in_flight

    def is_given_up(self, now: float) -> bool:
        """Whether it has been at fault for so long that records end all the same."""
        fault, longest = self.fault, self.bounds.max_pause_seconds
        return fault is not None and longest is not None and now - fault.since >= longest

    def judge(self, item: Placed, outcome: Outcome, now: float, *, is_probe: bool) -> Verdict:
        """Return what becomes of *item* after an attempt, which was begun at fault if it is a probe."""
        if isinstance(outcome, Delivered):
            self._delivered(item, is_probe=is_probe)
            return Verdict.DELIVERED
        verdict = self._outside(item, outcome, now) if self.fault is None else Verdict.WAITS
        if self.fault is not None:
            verdict = self._within(self.fault, item, outcome, now, is_probe=is_probe)
        if verdict in (Verdict.REFUSED, Verdict.GIVEN_UP):
            self.ended(item)
        else:
            self.retrying.setdefault(item, self._deliveries)
            self._listen(now)
        return verdict

    def look(self, now: float, *, is_held_up: bool) -> None:
        """Find out whether nothing has been delivered for too long.

        Where a single record holds everything up (*is_held_up*), those that failed while others were delivered prove
        nothing: at fault their clocks would stand, and then it would be held up for good.
        """
        self._listen(now)
        if self.fault is not None or self._silent_since is None or (is_held_up and not self.is_suspect):
            return
        if now - self._silent_since >= self.bounds.fault_after_seconds:
            self.fault = Fault(NOTHING_DELIVERED, now)

    def ended(self, item: Placed) -> None:
        """Note that a head has ended."""
        if self.retrying.pop(item, None) is not None and len(self.retrying) < FAULTY_PROFILES:
            self._silent_since = None

    def handed_over(self) -> None:
        """Note that nothing is held any more; what is known of the destination stays."""
        self.retrying.clear()
        self._silent_since = None

    def unheard(self) -> None:
        """Note that nothing may be sent, so that nothing delivered proves nothing."""
        self._silent_since = None

    def hold(self, now: float) -> None:
        """Note that nothing is sent until ``go_on``: of the time at fault that does not count."""
        if self._held_since is None:
            self._held_since = now

    def go_on(self, now: float) -> None:
        """Note that it may be sent again."""
        if self.fault is not None and self._held_since is not None:
            self.fault.since += now - max(self._held_since, self.fault.since)
        self._held_since = None

    def probe_soon(self) -> None:
        """Let the next probe begin at once: perhaps something was mended."""
        if self.fault is not None:
            self.fault.probes, self.fault.probe_at = 0, float("-inf")

    def over(self) -> None:
        """Let the destination be at fault no more; the refusals that were counted are forgotten."""
        self.fault = self._silent_since = None
        self._storm.forget()

    def _delivered(self, item: Placed, *, is_probe: bool) -> None:
        self._deliveries += 1
        self._silent_since = None
        self._storm.passed()
        if is_probe and self.fault is not None:
            self._rebuffs.probed(item.key)
            self.over()
        else:
            self._rebuffs.delivered(item.key)

    def _outside(self, item: Placed, outcome: Outcome, now: float) -> Verdict:
        """Judge a failure while the destination is not at fault; perhaps it is, from now on."""
        match outcome:
            case Refused():
                return self._refused(now)
            case DestinationFault(status=None):
                self.fault = Fault(outcome.reason, now)
            case DestinationFault():
                if self._rebuffs.rebuffed(item.key, self._deliveries):
                    return self._refused(now)
                if not self._rebuffs.is_selective or self._rebuffs.since_delivery >= FAULTY_PROFILES:
                    self.fault = Fault(outcome.reason, now)
        self._storm.passed()
        return Verdict.RETRY

    def _refused(self, now: float) -> Verdict:
        if self._storm.refused():
            self.fault = Fault(STORM, now)
        return Verdict.REFUSED

    def _within(self, fault: Fault, item: Placed, outcome: Outcome, now: float, *, is_probe: bool) -> Verdict:
        """Judge a failure at fault: no record is to blame, unless it has lasted too long."""
        if isinstance(outcome, DestinationFault):
            if outcome.status is not None:
                self._rebuffs.rebuffed(item.key, self._deliveries)
            if is_probe:
                fault.reason = outcome.reason
        fault.probes += is_probe
        return Verdict.GIVEN_UP if self.is_given_up(now) else Verdict.WAITS

    def _listen(self, now: float) -> None:
        """Begin to wait for a delivery where several profiles are in retry."""
        if self._silent_since is None and len(self.retrying) >= FAULTY_PROFILES:
            self._silent_since = now
