"""How an export becomes a dead letter: written until that is confirmed, as long as it is ours."""

from __future__ import annotations

import asyncio
import logging

from streams.delivery.dead_letters import Failure, NotParkedError, Stage
from streams.delivery.pending import Pending
from streams.delivery.tools import Tools
from streams.ends import Reason
from streams.groups.lease import LapsedError
from streams.outcomes import Retryable

log = logging.getLogger(__name__)

LAPSE_SECONDS = 0.2
"""How soon it is noticed that a lapsed lease was renewed."""


async def given_up(tools: Tools, pending: Pending, reason: Reason, detail: str) -> None:
    """Return when the dead letter is confirmed; the broker may be long in that."""
    failure, refusals = _failure(tools, pending, reason, detail), 0
    while True:
        try:
            return await tools.park(pending.record, failure)
        except LapsedError:
            await asyncio.sleep(LAPSE_SECONDS)
        except NotParkedError as error:
            refusals += 1
            log.warning("%s: a dead letter is not confirmed: %s", tools.destination.name, error)
            trouble = Retryable("not-parked")
            await asyncio.sleep(tools.pause(refusals, trouble, tools.destination.delivery.retry, tools.random))


def _failure(tools: Tools, pending: Pending, reason: Reason, detail: str) -> Failure:
    return Failure(
        stage=Stage.DELIVERY,
        reason=reason,
        detail=detail,
        destination=tools.destination.name,
        status=pending.status,
        attempts=pending.attempts,
    )
