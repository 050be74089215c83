"""The sections of the worker's settings: each key, its bounds, its default and what it means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from streams.codes import Mistake
from streams.configuration.fields import Model
from streams.configuration.names import Advertised, Commas, Integer, Line, Network, Number, Switch
from streams.configuration.unseen import Unseen
from streams.configuration.validation import Flaw, refuse
from streams.secrets import Secret


def _from_base(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base")
    return path if base is None else base / path


Located = Annotated[Path, AfterValidator(_from_base)]
Seconds = Annotated[Number, Field(gt=0, le=86_400)]
Session = Annotated[Number, Field(ge=1, le=1_800)]


def _drain_flaws(drain: float, session: float) -> Iterator[Flaw]:
    if drain >= session:
        remedy = f"expected less than sessionTimeoutSeconds ({session:g})"
        yield Flaw(f"came {drain:g}", remedy, ("drainSeconds",), Mistake.CONTRADICTION)


def _token(token: Secret) -> Secret:
    """Take what an HTTP header can carry."""
    text = token.reveal()
    if text and not (text.isascii() and text.isprintable() and " " not in text):
        refuse([Flaw("is no token", "expected ASCII without blanks")])
    return token


class Egress(Model):
    """Where requests may go."""

    allow: Annotated[tuple[Network, ...], Commas] = Field(
        default=(), description="Networks that may be posted to although they are not public, such as 10.0.0.0/8."
    )


class Secrets(Model):
    """Where the secrets of documents and settings are."""

    directory: Located | None = Field(default=None, description="The folder in which ${file:name} is looked up.")


class State(Model):
    """Where profiles are kept between records; the changelog topic is what makes them durable."""

    store: Literal["rocksdb", "memory"] = Field(default="rocksdb", description="On disk, or in memory (for tests).")
    directory: Located = Field(default=Path("data"), description="The folder of the state on disk.")


class Http(Model):
    """Where health and metrics are served, and what is known of profiles, behind a token."""

    host: Line = Field(default="127.0.0.1", description="The address to listen on; 0.0.0.0 = all.")
    port: Annotated[Integer, Field(ge=0, le=65_535)] = Field(default=8080, description="The port; 0 = a free one.")
    advertise: Advertised | None = Field(
        default=None,
        description="Where other hosts reach that, as host, host:port or a URL; what it listens on, when not given.",
    )
    token: Annotated[Unseen, AfterValidator(_token)] | None = Field(
        default=None,
        description="A reference to what must be shown for data of profiles, given as kafka.saslPassword is; without "
        "it that is refused to everybody.",
    )


class Topics(Model):
    """What is done about the worker's own topics."""

    create: Switch = Field(default=True, description="Whether missing topics of ours are created at start.")


class Activation(Model):
    """The timing of the activation stage."""

    session_timeout_seconds: Session = Field(
        default=15, description="After so long without a sign of life others take over."
    )
    commit_interval_seconds: Seconds = Field(default=1, description="How often offsets are committed.")
    drain_seconds: Seconds = Field(
        default=3, description="How long what is under way may take when partitions are released."
    )
    producer_timeout_seconds: Seconds = Field(
        default=120,
        description="How long a request to the broker may take, and a partition of ours be without a leader.",
    )
    linger_seconds: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.005, description="How long a round gathers rows."
    )

    @model_validator(mode="after")
    def _drains_within_its_session(self) -> Activation:
        refuse(_drain_flaws(self.drain_seconds, self.session_timeout_seconds))
        return self


class Delivery(Model):
    """The timing of the delivery stage, and what it may hold in this process beside each destination's bounds."""

    session_timeout_seconds: Session = Field(
        default=45, description="After so long without a sign of life others take over."
    )
    commit_interval_seconds: Seconds = Field(default=1, description="How often offsets are committed.")
    drain_seconds: Seconds = Field(
        default=3, description="How long open requests may take when partitions are released."
    )
    max_in_flight: Annotated[Integer, Field(ge=1, le=65_536)] = Field(
        default=512, description="Requests open at a time."
    )
    max_pending_bytes: Annotated[Integer, Field(ge=1_048_576)] = Field(
        default=512 * 1024 * 1024,
        description="Bytes of exports that are held in memory; above it a destination still has 1 MiB.",
    )
    keep_seconds: Annotated[Number, Field(ge=-1, le=315_360_000)] = Field(
        default=7 * 86_400,
        description="How long what has ended stays on the exports topics, from when it was written; 0 = it is deleted "
        "at once, -1 = never, as Kafka's retention.ms has it.",
    )

    @model_validator(mode="after")
    def _drains_within_its_session(self) -> Delivery:
        refuse(_drain_flaws(self.drain_seconds, self.session_timeout_seconds))
        return self


class Log(Model):
    """What is logged, and how."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="The least that is logged.")
    format: Literal["json", "console"] = Field(
        default="json", description="One JSON object per line, or lines for people."
    )
    delivered: Switch = Field(
        default=True, description="Whether exports that were delivered, or superseded, have a line too."
    )
