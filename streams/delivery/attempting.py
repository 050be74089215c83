"""One attempt to post an export, or several as one request, and what is told of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from streams.delivery.pending import Pending
from streams.delivery.tools import Tools
from streams.endpoints.meanings import sent_before
from streams.endpoints.reasons import AttemptReason
from streams.exports import Posted
from streams.groups.lease import LapsedError
from streams.outcomes import Outcome, Retryable

log = logging.getLogger(__name__)


async def attempted(tools: Tools, members: Sequence[Pending], posted: Posted) -> Outcome:
    """Post what *members* are, once; raises LapsedError where the lease lapsed before there was an answer."""
    began = tools.now()
    try:
        outcome = await tools.attempt(posted)
    except LapsedError:
        raise
    except Exception as error:  # one request's defect must not stop the others; it is tried again, then parked
        log.error("%s: an attempt raised %s", tools.destination.name, type(error).__name__)
        outcome = Retryable(AttemptReason.UNEXPECTED)
    if len(members) == 1 and members[0].company == 1 and members[0].attempts:
        outcome = sent_before(outcome)
    for pending in members:
        pending.attempts += 1
        pending.status, pending.company = outcome.status, len(members)
    tools.telemetry.attempted(outcome, tools.now() - began)
    return outcome
