"""The bounds of a destination's delivery, as a document writes them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from streams.codes import Mistake
from streams.configuration.fields import Model, Short, spelling
from streams.configuration.located import Node
from streams.configuration.names import Integer, Number, Switch
from streams.configuration.outcomes_draft import OutcomesDraft
from streams.configuration.problems import Flaw
from streams.configuration.validation import keyed

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


class RetryDraft(Short):
    """When a retry in place is tried again; a text is its policy."""

    policy: Literal["durable", "adobe"] = Field(
        default="durable",
        description="`adobe` tries again after 15 s and 30 s, then makes a dead letter; `durable` goes by the rest.",
    )
    first_seconds: Seconds = Field(default=0.5, description="The first wait, before jitter.")
    cap_seconds: Seconds = Field(default=60, description="The longest wait.")
    max_elapsed_seconds: Seconds = Field(default=900, description="After so long an export is a dead letter.")
    retry_after_cap_seconds: Seconds = Field(default=3_600, description="How much of Retry-After is honoured.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return keyed("policy", value)

    @classmethod
    def flaws_between(cls, entries: Mapping[str, Node]) -> Iterator[Flaw]:
        """Refuse a first wait above the longest, and waits for a policy that has its own."""
        if "policy" in entries and entries["policy"].value == "adobe":
            for name in ("firstSeconds", "capSeconds", "maxElapsedSeconds"):
                if name in entries:
                    what, remedy = "came with adobe, which has its own", "leave it out, or choose durable"
                    yield Flaw(what, remedy, (name,), Mistake.CONTRADICTION)
        first, cap = _number(cls, entries, "first_seconds"), _number(cls, entries, "cap_seconds")
        if first is not None and cap is not None and first > cap:
            yield Flaw(
                f"came {first:g}", f"expected at most capSeconds ({cap:g})", ("firstSeconds",), Mistake.CONTRADICTION
            )


class BatchDraft(Model):
    """How many exports one request carries."""

    max_exports: Annotated[Integer, Field(ge=1, le=10_000)] = Field(
        default=100, description="Exports in one request, never two of one profile."
    )
    max_bytes: Annotated[Integer, Field(ge=1, le=2**30)] = Field(
        default=1024 * 1024, description="Bytes of its body; a larger export goes alone."
    )
    linger_ms: Annotated[Number, Field(ge=0, le=60_000)] = Field(
        default=50, description="How long the first waits for others."
    )
    format: Literal["array", "ndjson"] = Field(
        default="array", description="A JSON array, or a line for each (`application/x-ndjson`)."
    )


class DeliveryDraft(Model):
    """The bounds of a destination's delivery."""

    max_in_flight: Annotated[Integer, Field(ge=1, le=4_096)] = Field(
        default=64, description="Requests open at a time, of all workers together; of one profile never more than one."
    )
    max_requests_per_second: Annotated[Number, Field(gt=0, le=1_000_000)] | None = Field(
        default=None, description="Requests begun in a second, of all workers together."
    )
    timeout_seconds: Annotated[Number, Field(ge=0.01, le=300)] = Field(
        default=2, description="How long one attempt may take."
    )
    connect_timeout_seconds: Annotated[Number, Field(ge=0.01, le=300)] | None = Field(
        default=None, description="How long it may take to connect; by default all of it."
    )
    read_timeout_seconds: Annotated[Number, Field(ge=0.01, le=300)] | None = Field(
        default=None, description="How long the endpoint may say nothing; by default all of it."
    )
    max_payload_bytes: Annotated[Integer, Field(ge=1, le=2**30)] | None = Field(
        default=None, description="A larger export is a dead letter, `too-large`."
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
    supersede: Switch = Field(
        default=False, description="Whether an export that waits is replaced by a newer one of its profile."
    )
    fault_after_seconds: Seconds = Field(
        default=30, description="After so long without a delivery, three profiles waiting, the destination is at fault."
    )
    max_pause_seconds: Seconds | None = Field(
        default=None, description="After so long at fault, what fails is a dead letter; by default never."
    )
    retry: RetryDraft = RetryDraft()
    outcomes: OutcomesDraft = OutcomesDraft()
    batch: BatchDraft | None = Field(
        default=None, description="Several exports in one request; by default each has its own."
    )

    @classmethod
    def flaws_between(cls, entries: Mapping[str, Node]) -> Iterator[Flaw]:
        """Refuse a window without room for what is in flight, and a part of an attempt longer than the whole."""
        whole = _number(cls, entries, "timeout_seconds")
        for name in ("connect_timeout_seconds", "read_timeout_seconds"):
            part = _number(cls, entries, name)
            if part is not None and whole is not None and part > whole:
                key = spelling(name, cls.model_fields[name])
                yield Flaw(
                    f"came {part:g}", f"expected at most timeoutSeconds ({whole:g})", (key,), Mistake.CONTRADICTION
                )
        pending, flying = _number(cls, entries, "max_pending"), _number(cls, entries, "max_in_flight")
        if pending is not None and flying is not None and pending < flying:
            yield Flaw(
                f"came {pending:.15g}",
                f"expected at least maxInFlight ({flying:.15g})",
                ("maxPending",),
                Mistake.CONTRADICTION,
            )
