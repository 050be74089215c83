"""The steps in which a destination is tried, how each can end, and how one is made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

STEP_SECONDS = 10.0
"""How long a step may take that has no time-out of its own."""


class Target(StrEnum):
    """Whom a step is about."""

    ENDPOINT = "endpoint"
    # It names a server, not a password.
    TOKEN_SERVER = "token-server"  # noqa: S105


class StepName(StrEnum):
    """What is tried, in this order; the first four of each target."""

    NAME = "name"
    EGRESS = "egress"
    CONNECTION = "connection"
    TLS = "tls"
    TOKEN = "token"  # noqa: S105 - as above
    SAMPLE = "sample"
    DELIVERY = "delivery"


class Result(StrEnum):
    """How a step ended; one that needs a failed one, or is not wanted, is skipped."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """A request as it is about to be sent, its secrets masked; the URL is to be masked where it is shown."""

    url: str
    headers: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What became of one step: *what* was found, in words, and what to do where it failed. It holds no secret."""

    target: Target
    name: StepName
    result: Result
    what: str
    remedy: str = ""
    code: str = ""
    """Of a failed step: the README's line on it."""
    seconds: float = 0.0
    request: SampleRequest | None = None

    @property
    def failed(self) -> bool:
        """Whether it failed."""
        return self.result is Result.FAILED


class StepError(Exception):
    """A step failed: what was found, what to do, and the code of the README's line on it."""

    def __init__(self, what: str, remedy: str, code: str) -> None:
        super().__init__(what)
        self.what, self.remedy, self.code = what, remedy, code


class SkippedError(Exception):
    """There is nothing to be tried in a step; the text says why."""


async def timed(
    target: Target,
    name: StepName,
    act: Callable[[], Awaitable[str]],
    monotonic: Callable[[], float],
    within_seconds: float = STEP_SECONDS,
) -> Step:
    """Do a step: *act* returns what it found, or raises StepError, SkippedError or TimeoutError."""
    began, remedy, code, result = monotonic(), "", "", Result.FAILED
    try:
        async with asyncio.timeout(within_seconds):
            what = await act()
        result = Result.PASSED
    except SkippedError as skip:
        what, result = str(skip), Result.SKIPPED
    except StepError as error:
        what, remedy, code = error.what, error.remedy, error.code
    except TimeoutError:
        what, remedy = f"no answer within {within_seconds:g} s", "see whether a firewall on the way drops what is sent"
        code = "timed-out"
    seconds = monotonic() - began
    return Step(target=target, name=name, result=result, what=what, remedy=remedy, code=code, seconds=seconds)


def skipped(target: Target, name: StepName, why: str) -> Step:
    """Return a step that is not done."""
    return Step(target=target, name=name, result=Result.SKIPPED, what=why)
