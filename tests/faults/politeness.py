"""I10: what an endpoint may expect of a client: few open requests, one per profile, patience when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from tests.faults.evidence import Request
from tests.faults.facts import NEVER, Facts


def check(facts: Facts) -> Iterator[str]:
    """I10: no more open requests than allowed, of one profile one at a time, none again before it was asked for."""
    most = most_open(facts.evidence.requests)
    if most > facts.evidence.limits.in_flight:
        yield f"{most} requests were open at a time, more than {facts.evidence.limits.in_flight}"
    yield from _side_by_side(facts)
    yield from _impatient(facts)


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
            early = before.ended is not None and after.arrived < before.ended + before.retry_after
            between = any(before.arrived <= fault.began <= after.arrived for fault in crashes)
            if before.retry_after and early and not between:
                yield f"request {after.number} came before the {before.retry_after:g} s that {before.number} was told"
