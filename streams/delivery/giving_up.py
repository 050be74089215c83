"""How an export ends without being posted: what stands for it is written until that is confirmed.

As long as it is ours: who is cancelled meanwhile has written it, or not, and who has the export next writes it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from streams.delivery.asking import question
from streams.delivery.dead_letters import Failure, Stage
from streams.delivery.on_demand import NotWrittenError
from streams.delivery.pending import Pending
from streams.delivery.tools import Tools
from streams.destinations import Retry
from streams.ends import Reason
from streams.exports import Export
from streams.groups.lease import LapsedError
from streams.outcomes import Retryable

log = logging.getLogger(__name__)

LAPSE_SECONDS = 0.2
"""How soon it is noticed that a lapsed lease was renewed."""

_TO_KAFKA = Retry()
"""How what Kafka does not take is written again, whatever the endpoint's policy."""

Idle = Callable[[], AbstractContextManager[None]]
"""Within it nothing is under way."""


async def given_up(tools: Tools, pending: Pending, reason: Reason, detail: str, idle: Idle) -> None:
    """Return when the dead letter is confirmed; the broker may be long in that."""
    failure = _failure(tools, pending, reason, detail)
    await _written(tools, lambda: tools.park(pending.record, failure), "a dead letter", idle)


async def withdrawn(tools: Tools, export: Export, idle: Idle) -> None:
    """Return when activation was asked for the export's profile, and the broker has confirmed the question."""
    version = tools.destination.min_version
    command = question(export, tools.destination.incarnation, version)
    await _written(tools, lambda: tools.ask(export, command), "a request to export a profile anew", idle)
    tools.asked.asked(export.key, version)


async def _written(tools: Tools, write: Callable[[], Awaitable[None]], what: str, idle: Idle) -> None:
    refusals = 0
    while True:
        try:
            return await write()
        except LapsedError:
            seconds = LAPSE_SECONDS
        except NotWrittenError as error:
            refusals += 1
            log.warning("%s: %s is not confirmed: %s", tools.destination.name, what, error)
            seconds = tools.pause(refusals, Retryable("not-parked"), _TO_KAFKA, tools.random)
        with idle():
            await asyncio.sleep(seconds)


def _failure(tools: Tools, pending: Pending, reason: Reason, detail: str) -> Failure:
    return Failure(
        stage=Stage.DELIVERY,
        reason=reason,
        detail=detail,
        destination=tools.destination.name,
        status=pending.status,
        attempts=pending.attempts,
    )
