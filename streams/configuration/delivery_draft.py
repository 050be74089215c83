"""The bounds of a destination's delivery, as a document writes them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from streams.configuration.fields import Model
from streams.configuration.names import Integer, Number
from streams.configuration.validation import Flaw, refuse

MAX_AHEAD = 20_000
"""A commit's metadata, 4 096 bytes, must name each export that is finished ahead of the oldest unfinished one."""

Seconds = Annotated[Number, Field(gt=0, le=86_400)]


class RetryDraft(Model):
    """When a retry in place is tried again."""

    first_seconds: Seconds = Field(default=0.5, description="The first wait, before jitter.")
    cap_seconds: Seconds = Field(default=60, description="The longest wait.")
    max_elapsed_seconds: Seconds = Field(default=900, description="After so long an export is a dead letter.")
    retry_after_cap_seconds: Seconds = Field(default=3_600, description="How much of Retry-After is honoured.")

    @model_validator(mode="after")
    def _waits_no_less_at_the_end(self) -> RetryDraft:
        if self.first_seconds > self.cap_seconds:
            remedy = f"expected at most capSeconds ({self.cap_seconds:g})"
            refuse([Flaw(f"came {self.first_seconds:g}", remedy, ("firstSeconds",))])
        return self


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

    @model_validator(mode="after")
    def _has_room_for_what_is_in_flight(self) -> DeliveryDraft:
        if self.max_pending < self.max_in_flight:
            remedy = f"expected at least maxInFlight ({self.max_in_flight})"
            refuse([Flaw(f"came {self.max_pending}", remedy, ("maxPending",))])
        return self
