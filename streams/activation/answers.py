"""Waits for what the brokers answer to the batches of a round, and tells a refusal for good from what passes.

A broker that is away, too few replicas, a partition without a leader: all that passes, and is waited for. That a topic
does not exist, or must not be written to, does not pass, and nothing else should wait for it. The client tries again
without a word; so the brokers are asked about an answer that is late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from aiokafka.errors import (
    InvalidTopicError,
    OutOfOrderSequenceNumber,
    TopicAuthorizationFailedError,
    UnknownProducerId,
    UnknownTopicOrPartitionError,
)

Address = tuple[str, int]
"""A topic and a partition number."""

LATE_SECONDS = 1.0
"""How long an answer may take before the brokers are asked about its topic, and between two such questions."""
MISSING_SECONDS = 5.0
"""How long a topic must be missing: one that was only just made is not known to every broker at once."""

MISSING, NOT_AUTHORIZED = "topic-missing", "not-authorized"
"""Why a topic refuses for good."""


_GONE = (UnknownTopicOrPartitionError, InvalidTopicError, OutOfOrderSequenceNumber, UnknownProducerId)
"""The last two are what a topic says that was made anew under our hands: it does not know what we wrote before."""


class Appended(Protocol):
    """Where the broker appended a batch."""

    offset: int


Answers = Mapping[Address, asyncio.Future[Appended]]
Ask = Callable[[str, int], Awaitable[str | None]]


async def answered(answers: Answers, may_refuse: Callable[[str], bool], ask: Ask) -> dict[Address, str]:
    """Wait for all *answers*; return those that are a refusal for good, and why, of topics that *may_refuse*.

    Raises any other error as soon as it is seen.
    """
    try:
        return await _answered(answers, may_refuse, ask)
    finally:
        for each in answers.values():
            each.cancel()


async def _answered(answers: Answers, may_refuse: Callable[[str], bool], ask: Ask) -> dict[Address, str]:
    refused: dict[Address, str] = {}
    missed: dict[Address, float] = {}
    waiting = dict(answers)
    while waiting:
        await asyncio.wait(waiting.values(), timeout=LATE_SECONDS)
        for address in [address for address, answer in waiting.items() if answer.done()]:
            if (error := waiting.pop(address).exception()) is not None:
                refused[address] = _reason(error, may_refuse(address[0]))
        late = [address for address in waiting if may_refuse(address[0])]
        said = await asyncio.gather(*(ask(*address) for address in late))  # together: a broker may take its time
        for address, reason in zip(late, said, strict=True):
            if not waiting[address].done() and (reason := _lasting(address, reason, missed)) is not None:
                refused[address] = reason
                del waiting[address]
    return refused


def _reason(error: BaseException, may_refuse: bool) -> str:
    """Return why a batch was refused for good; raises what is no refusal, or is one of a topic that must not refuse."""
    reason = reason_of(error)
    if reason is None or not may_refuse:
        raise error
    return reason


def reason_of(error: BaseException | type[BaseException]) -> str | None:
    """Return why a topic refuses, given what a broker says of it; None if it does not, or that may pass at once."""
    kind = error if isinstance(error, type) else type(error)
    if issubclass(kind, TopicAuthorizationFailedError):
        return NOT_AUTHORIZED
    return MISSING if issubclass(kind, _GONE) else None


def _lasting(address: Address, reason: str | None, missed: dict[Address, float]) -> str | None:
    """Return why a topic refuses for good, given what was said of it now; *missed* has since when each is missing."""
    if reason != MISSING:
        missed.pop(address, None)
        return reason
    now = asyncio.get_running_loop().time()
    return MISSING if now - missed.setdefault(address, now) >= MISSING_SECONDS else None
