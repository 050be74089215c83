"""Dead letters as they are found on their topic, made by what writes them."""

from __future__ import annotations

from typing import Any

from streams.delivery.dead_letters import Failure, Letter, Stage, dead_letter
from streams.ends import Reason
from streams.letters.letter import DeadLetter, read_letter
from tests.deliverables import ARecord, a_record

NOW_MS = 1_700_000_000_000


def written(origin: ARecord, **failure: Any) -> Letter:
    """Return the letter that is written of *origin*."""
    said = {"stage": Stage.DELIVERY, "reason": Reason.REFUSED, "detail": "rejected", "destination": "crm"}
    return dead_letter(origin, Failure(**{**said, "status": 400, "attempts": 2, **failure}), connector="app")


def a_letter(origin: ARecord | None = None, *, offset: int = 0, at: int = NOW_MS, **failure: Any) -> DeadLetter:
    """Return the letter of *origin*, an export of destination ``crm`` unless another is given, as it is read back."""
    origin = origin or a_record(41, revision=7)
    key, value, headers = written(origin, **failure)
    return read_letter(ARecord(offset, key, value, headers, "app.dead-letters", origin.partition, at))
