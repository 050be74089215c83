"""The bounds of a destination's delivery, as a document writes them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field

from streams.codes import Mistake
from streams.configuration.fields import Model, spelling
from streams.configuration.located import Node
from streams.configuration.names import Integer, Number
from streams.configuration.problems import Flaw

MAX_AHEAD = 20_000
"""A commit's metadata, 4 096 bytes, must name each export that is finished ahead of the oldest unfinished one."""

Seconds = Annotated[Number, Field(gt=0, le=86_400)]


def _number(model: type[Model], entries: Mapping[str, Node], name: str) -> float | None:
    """Return the number of a field, as it is written or by default; None if it is none, or not within its bounds."""
    info = model.model_fields[name]
    entry = entries.get(spelling(name, info))
    value = info.default if entry is None else entry.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if all(_is_within(value, bound) for bound in info.metadata) else None


def _is_within(value: float, bound: object) -> bool:
    lowest, highest = getattr(bound, "ge", value), getattr(bound, "le", value)
    return lowest <= value <= highest and value > getattr(bound, "gt", -math.inf)


class RetryDraft(Model):
    """When a retry in place is tried again."""

    first_seconds: Seconds = Field(default=0.5, description="The first wait, before jitter.")
    cap_seconds: Seconds = Field(default=60, description="The longest wait.")
    max_elapsed_seconds: Seconds = Field(default=900, description="After so long an export is a dead letter.")
    retry_after_cap_seconds: Seconds = Field(default=3_600, description="How much of Retry-After is honoured.")

    @classmethod
    def flaws_between(cls, entries: Mapping[str, Node]) -> Iterator[Flaw]:
        """Refuse a first wait above the longest."""
        first, cap = _number(cls, entries, "first_seconds"), _number(cls, entries, "cap_seconds")
        if first is not None and cap is not None and first > cap:
            yield Flaw(
                f"came {first:g}", f"expected at most capSeconds ({cap:g})", ("firstSeconds",), Mistake.CONTRADICTION
            )


class DeliveryDraft(Model):
    """The bounds of a destination's delivery."""

    max_in_flight: Annotated[Integer, Field(ge=1, le=4_096)] = Field(
        default=64, description="Requests open at a time; of one profile never more than one."
    )
    timeout_seconds: Annotated[Number, Field(ge=0.01, le=300)] = Field(
        default=2, description="How long one attempt may take."
    )
    max_pending: Annotated[Integer, Field(ge=1, le=1_000_000)] = Field(
        default=5_000, description="Unfinished exports in memory."
    )
    max_pending_bytes: Annotated[Integer, Field(ge=1_048_576, le=2**40)] = Field(
        default=64 * 1024 * 1024, description="Their bytes."
    )
    max_ahead: Annotated[Integer, Field(ge=1, le=MAX_AHEAD)] = Field(
        default=10_000, description="How far a partition may finish beyond its oldest unfinished export."
    )
    retry: RetryDraft = RetryDraft()

    @classmethod
    def flaws_between(cls, entries: Mapping[str, Node]) -> Iterator[Flaw]:
        """Refuse a window without room for what is in flight."""
        pending, flying = _number(cls, entries, "max_pending"), _number(cls, entries, "max_in_flight")
        if pending is not None and flying is not None and pending < flying:
            yield Flaw(
                f"came {pending:.15g}",
                f"expected at least maxInFlight ({flying:.15g})",
                ("maxPending",),
                Mistake.CONTRADICTION,
            )
