"""When to try again, and when no more. Pure: the dice are an argument, and so is the clock of a record."""

from __future__ import annotations

from collections.abc import Callable

from streams.destinations import Retry
from streams.outcomes import DestinationFault, Outcome, Retryable

ADOBE_WAITS = (15.0, 30.0)
"""The seconds after which Adobe's destinations try again what failed; then they give up."""


def exhausted(retries: int, elapsed: float, retry: Retry) -> bool:
    """Whether a record is given up that failed *retries* times, for *elapsed* seconds of its clock.

    Both count from its first failure, and only what may be the record's own trouble: nothing of a time in which the
    destination was at fault.
    """
    if retry.policy == "adobe":
        return retries > len(ADOBE_WAITS)
    return elapsed >= retry.max_elapsed_seconds


def backoff(attempts: int, retry: Retry, random: Callable[[], float]) -> float:
    """Return the seconds to wait after *attempts* attempts, before what an endpoint asks for.

    Drawn evenly between ``first_seconds`` and ``first_seconds * 2 ** attempts``, at most ``cap_seconds``: the whole
    range is jitter, so that records which failed together do not come back together. *random* is within [0, 1).
    """
    ceiling = min(retry.cap_seconds, retry.first_seconds * 2.0 ** min(max(attempts, 1), 64))
    floor = min(retry.first_seconds, ceiling)
    return floor + (ceiling - floor) * random()


def pause(attempts: int, outcome: Outcome, retry: Retry, random: Callable[[], float]) -> float:
    """Return the seconds until the next attempt: the policy's, or what the endpoint asked for where that is longer.

    What it asks for is honoured up to ``retry_after_cap_seconds``.
    """
    wait = _by_adobe(attempts, retry, random) if retry.policy == "adobe" else backoff(attempts, retry, random)
    if not isinstance(outcome, Retryable | DestinationFault) or outcome.retry_after is None:
        return wait
    return max(wait, asked_of_all(outcome.retry_after, retry, random))


def probe_interval(probes: int, retry: Retry, random: Callable[[], float]) -> float:
    """Return the seconds until a destination at fault is probed again, after *probes* probes that failed.

    It doubles from ``first_seconds`` to ``cap_seconds``; the upper half of it is jitter, so that it grows and workers
    do not probe together all the same.
    """
    longest = min(retry.cap_seconds, retry.first_seconds * 2.0 ** min(probes, 64))
    return longest * (0.5 + 0.5 * random())


def asked_of_all(seconds: float, retry: Retry, random: Callable[[], float]) -> float:
    """Return for how long nothing is sent to an endpoint that asked for so many *seconds*.

    A little is added, never taken, so that those who were asked the same do not come back together: one worker's
    exports, and the workers of a destination.
    """
    return min(seconds, retry.retry_after_cap_seconds) + retry.first_seconds * random()


def _by_adobe(attempts: int, retry: Retry, random: Callable[[], float]) -> float:
    return ADOBE_WAITS[min(max(attempts, 1), len(ADOBE_WAITS)) - 1] + retry.first_seconds * random()
