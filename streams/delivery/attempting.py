"""One attempt to post an export, and what is told of it."""

from __future__ import annotations

import logging

from streams.delivery.pending import Pending
from streams.delivery.tools import Tools
from streams.endpoints.meanings import sent_before
from streams.endpoints.reasons import AttemptReason
from streams.exports import Export
from streams.groups.lease import LapsedError
from streams.outcomes import Outcome, Retryable

log = logging.getLogger(__name__)


async def attempted(tools: Tools, pending: Pending, export: Export) -> Outcome:
    """Post *export* once; raises LapsedError where the lease lapsed before there was an answer."""
    began = tools.now()
    try:
        outcome = await tools.attempt(export)
    except LapsedError:
        raise
    except Exception as error:  # one export's defect must not stop the others; it is tried again, then parked
        log.error("%s: an attempt raised %s", tools.destination.name, type(error).__name__)
        outcome = Retryable(AttemptReason.UNEXPECTED)
    if pending.attempts:
        outcome = sent_before(outcome)
    pending.attempts += 1
    pending.status = outcome.status
    tools.telemetry.attempted(outcome, tools.now() - began)
    return outcome
