"""I10: what an endpoint may expect of a client: few open requests, one per profile, a rate, patience when asked for."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tests.faults.evidence import Request
from tests.faults.facts import NEVER, WIRE_SECONDS, Facts

WINDOW_SECONDS = 10.0
"""Over so long the rate is judged."""
LATE_SECONDS = 2.0
"""So much later than it was sent a request may be read."""


def check(facts: Facts) -> Iterator[str]:
    """I10: no more requests open, or in a time, than allowed; of a profile one at a time; none before it may come."""
    most = most_open(facts.evidence.requests)
    if most > facts.evidence.limits.in_flight:
        yield f"{most} requests were open at a time, more than {facts.evidence.limits.in_flight}"
    yield from _side_by_side(facts)
    yield from _impatient(facts)
    yield from _hasty(facts)
    yield from _rushed(facts)


def most_open(requests: Sequence[Request]) -> int:
    """Return how many requests were open at a time, at most."""
    moments: list[tuple[float, int]] = []
    for request in requests:
        moments += [(request.arrived, 1), (NEVER if request.ended is None else request.ended, -1)]
    most = now = 0
    for _, change in sorted(moments):
        now += change
        most = max(most, now)
    return most


def _side_by_side(facts: Facts) -> Iterator[str]:
    crashes = [fault for fault in facts.evidence.faults if fault.crash]
    for requests in facts.about.values():
        for (before, _), (after, _) in pairwise(requests):
            end = NEVER if before.ended is None else before.ended
            between = any(before.arrived <= fault.began <= after.arrived for fault in crashes)
            if after.arrived < end and not between:
                yield f"requests {before.number} and {after.number} of one profile were open at once"


def _impatient(facts: Facts) -> Iterator[str]:
    """Tell what came again before the time that its answer had asked for; a crash forgets what was asked."""
    crashes = [fault for fault in facts.evidence.faults if fault.crash]
    for requests in facts.by_key.values():
        for before, after in pairwise(requests):
            patience = asked(facts, before)
            early = before.ended is not None and after.arrived < before.ended + patience
            between = any(before.arrived <= fault.began <= after.arrived for fault in crashes)
            if patience and early and not between:
                yield f"request {after.number} came before the {patience:g} s that {before.number} was told"


def _hasty(facts: Facts) -> Iterator[str]:
    """Tell what came at all before the time that an answer had asked for: patience is the whole destination's.

    What was sent before the answer was read is no haste. Of several workers one does not know what another was told.
    """
    crashes = [fault.began for fault in facts.evidence.faults if fault.crash]
    waiting = deque(sorted((end, asked(facts, each), each.number) for each, end in _answered(facts)))
    until, by, told_at = 0.0, 0, 0.0
    for request in facts.evidence.requests if facts.evidence.limits.workers == 1 else ():
        while waiting and waiting[0][0] + WIRE_SECONDS <= request.arrived:
            end, patience, number = waiting.popleft()
            if end + patience > until:
                until, by, told_at = end + patience, number, end
        if request.arrived < until and not any(told_at <= crash <= request.arrived for crash in crashes):
            yield f"request {request.number} came {until - request.arrived:.3f} s before the time that {by} was told"


def _answered(facts: Facts) -> Iterator[tuple[Request, float]]:
    for request in facts.evidence.requests:
        if request.retry_after and request.ended is not None:
            yield request, request.ended


def asked(facts: Facts, request: Request) -> float:
    """Return the seconds of patience that an answer may expect: what it asked for, up to the cap."""
    return min(request.retry_after, facts.evidence.limits.patience_seconds)


def _rushed(facts: Facts) -> Iterator[str]:
    """Tell of the fullest time in which more requests came than the rate allows.

    What was sent at its own time may be read at once where the machine is busy: so it is judged over a long time.
    """
    rate, arrivals = facts.evidence.limits.requests_per_second, [each.arrived for each in facts.evidence.requests]
    if rate is None:
        return
    most = (WINDOW_SECONDS + LATE_SECONDS) * rate
    count, start = max(
        ((bisect_left(arrivals, at + WINDOW_SECONDS) - place, at) for place, at in enumerate(arrivals)),
        default=(0, 0.0),
    )
    if count > most:
        yield f"{count} requests came in {WINDOW_SECONDS:g} s from {start:.3f} on, more than {rate:g} a second allow"
