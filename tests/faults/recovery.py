"""How long a fault kept anybody waiting: the longest pause between two deliveries of one partition."""

from __future__ import annotations

from itertools import pairwise

from tests.faults.evidence import Fault
from tests.faults.facts import NEVER, Facts


def seconds(facts: Facts) -> float | None:
    """Return the longest pause of all faults; None if nothing was delivered after any."""
    return max((pause for fault in facts.evidence.faults if (pause := longest(facts, fault)) is not None), default=None)


def longest(facts: Facts, fault: Fault) -> float | None:
    """Return the longest time that a partition waited for a delivery which began before the fault was over.

    It counts from the fault's begin at the earliest, and what was posted before is no delivery after it. A pause in
    which the next crash comes is told there. None if nothing was delivered later.
    """
    until = fault.ended or fault.began
    crashes = [each.began for each in facts.evidence.faults if each.crash and each.began > fault.began]
    pauses = []
    for deliveries in facts.deliveries.values():
        later = sorted(ended for arrived, ended in deliveries if arrived > fault.began)
        pauses += [
            after - before
            for before, after in pairwise([fault.began, *later])
            if before <= until and after < min(crashes, default=NEVER)
        ]
    return max(pauses, default=None)
