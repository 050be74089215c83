"""When to try again. Pure: the dice are an argument."""

from __future__ import annotations

from collections.abc import Callable

from streams.destinations import Retry
from streams.outcomes import Outcome, Retryable


def backoff(attempts: int, retry: Retry, random: Callable[[], float]) -> float:
    """Return the seconds to wait after *attempts* attempts, before what an endpoint asks for.

    Drawn evenly between ``first_seconds`` and ``first_seconds * 2 ** attempts``, at most ``cap_seconds``: the whole
    range is jitter, so that records which failed together do not come back together. *random* is within [0, 1).
    """
    ceiling = min(retry.cap_seconds, retry.first_seconds * 2.0 ** min(max(attempts, 1), 64))
    floor = min(retry.first_seconds, ceiling)
    return floor + (ceiling - floor) * random()


def pause(attempts: int, outcome: Outcome, retry: Retry, random: Callable[[], float]) -> float:
    """Return the seconds until the next attempt: the backoff, or what the endpoint asked for where that is longer.

    What it asks for is honoured up to ``retry_after_cap_seconds``. A little is added to it, never taken from it, so
    that those who were asked the same do not come back together.
    """
    wait = backoff(attempts, retry, random)
    if not isinstance(outcome, Retryable) or outcome.retry_after is None:
        return wait
    asked = min(outcome.retry_after, retry.retry_after_cap_seconds)
    return max(wait, asked + retry.first_seconds * random())
