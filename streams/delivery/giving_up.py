"""What stands for an export that ends without being posted: a dead letter, or a question to activation."""

from __future__ import annotations

from streams.delivery.asking import question
from streams.delivery.dead_letters import Failure, Stage
from streams.delivery.pending import Pending
from streams.delivery.tools import Tools
from streams.ends import Reason
from streams.exports import Export


async def given_up(tools: Tools, pending: Pending, reason: Reason, detail: str) -> None:
    """Write the dead letter and return when it is confirmed; raises NotWrittenError, LapsedError."""
    await tools.park(pending.record, _failure(tools, pending, reason, detail))


async def withdrawn(tools: Tools, export: Export) -> None:
    """Ask activation for the export's profile and return when that is confirmed; raises as ``given_up``."""
    version = tools.destination.min_version
    await tools.ask(export, question(export, tools.destination.incarnation, version))
    tools.asked.asked(export.key, version)


def _failure(tools: Tools, pending: Pending, reason: Reason, detail: str) -> Failure:
    return Failure(
        stage=Stage.DELIVERY,
        reason=reason,
        detail=detail,
        destination=tools.destination.name,
        status=pending.status,
        attempts=pending.attempts,
    )
