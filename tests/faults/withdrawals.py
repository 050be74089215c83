"""I11: what was withdrawn from a destination does not reach it any more, once that is in force everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.faults.facts import Facts


def check(facts: Facts) -> Iterator[str]:
    """I11: no request that arrives after a withdrawal tells what was withdrawn, whatever it is a request of."""
    for withdrawal in facts.evidence.withdrawals:
        for request in facts.evidence.requests:
            if request.arrived > withdrawal.ended and withdrawal.attribute in _person(request.body):
                yield (
                    f"request {request.number} ({request.key}) tells {withdrawal.attribute}, "
                    f"{request.arrived - withdrawal.ended:.3f} s after it was withdrawn"
                )


def begun(facts: Facts, moment: float) -> set[str]:
    """Return the attributes that were withdrawn, or being withdrawn, at a moment."""
    return {each.attribute for each in facts.evidence.withdrawals if each.attribute and each.began <= moment}


def _person(body: bytes) -> dict[str, object]:
    try:
        found: dict[str, object] = json.loads(body)["person"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found
