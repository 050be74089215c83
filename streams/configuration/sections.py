"""The sections of the worker's settings: each key, its bounds, its default and what it means."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from streams.configuration.fields import Model
from streams.configuration.names import Commas, Integer, Line, Network, Number, Server, Switch, Topic
from streams.configuration.validation import Flaw, refuse


def _from_base(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base")
    return path if base is None else base / path


Located = Annotated[Path, AfterValidator(_from_base)]
Seconds = Annotated[Number, Field(gt=0, le=86_400)]
Session = Annotated[Number, Field(ge=1, le=1_800)]


def _drain_flaws(drain: float, session: float) -> Iterator[Flaw]:
    if drain >= session:
        remedy = f"expected less than sessionTimeoutSeconds ({session:g})"
        yield Flaw(f"came {drain:g}", remedy, ("drainSeconds",))


class Kafka(Model):
    """How the brokers are reached."""

    bootstrap_servers: Annotated[tuple[Server, ...], Commas] = Field(
        default=("localhost:9092",), min_length=1, description="The brokers to ask first, as host:port."
    )
    security_protocol: Literal["PLAINTEXT"] = Field(default="PLAINTEXT", description="How connections are secured.")
    replication_factor: Annotated[Integer, Field(ge=1, le=32_767)] | None = Field(
        default=None, description="Replicas of the topics that are created; none = what the broker does by default."
    )


class ProfileInput(Model):
    """A topic of profile fragments, and what its source is called."""

    topic: Topic = Field(description="The topic.")
    name: Line = Field(default="", description="The source's name; the topic's when not given.", validate_default=False)

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_topic(cls, value: object) -> object:
        if isinstance(value, str):
            return {"topic": value, "name": value}
        if isinstance(value, dict) and "topic" in value:
            return {"name": value["topic"], **value}
        return value


def _input_flaws(inputs: Inputs) -> Iterator[Flaw]:
    if not (inputs.memberships or inputs.qualifications or inputs.exits):
        yield Flaw("no topic of memberships is named", "name memberships, or qualifications and exits")
    if inputs.memberships and (inputs.qualifications or inputs.exits):
        remedy = "keep memberships alone (its records carry a status), or qualifications and exits"
        yield Flaw("came beside qualifications or exits", remedy, ("memberships",))
    roles: dict[str, str] = {}
    for path, topic in inputs.roles():
        if topic in roles:
            yield Flaw(f"the topic {topic!r} is {roles[topic]} already", "give each role a topic of its own", path)
        roles.setdefault(topic, str(path[0]))
    names: set[str] = set()
    for index, profile in enumerate(inputs.profiles):
        if profile.name in names and profile.name != profile.topic:
            yield Flaw(f"the source {profile.name!r} is here twice", "rename one", ("profiles", index, "name"))
        names.add(profile.name)


class Inputs(Model):
    """The topics that activation reads."""

    qualifications: Topic | None = Field(default=None, description="The topic of segment qualifications.")
    exits: Topic | None = Field(default=None, description="The topic of segment exits.")
    memberships: Topic | None = Field(
        default=None,
        description="One topic for both, instead of qualifications and exits; its records must carry a status.",
    )
    profiles: Annotated[tuple[ProfileInput, ...], Commas] = Field(
        default=(), description="The topics of profile fragments, each a text or {name, topic}; each is one source."
    )
    partitions: Annotated[Integer, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="How many partitions each input must have; none = as many as the topics have."
    )

    def roles(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield each input topic with the key that names it."""
        for role in ("qualifications", "exits", "memberships"):
            if topic := getattr(self, role):
                yield (role,), topic
        for index, profile in enumerate(self.profiles):
            yield ("profiles", index), profile.topic

    @model_validator(mode="after")
    def _has_one_topic_for_each_role(self) -> Inputs:
        refuse(_input_flaws(self))
        return self


class Egress(Model):
    """Where requests may go."""

    allow: Annotated[tuple[Network, ...], Commas] = Field(
        default=(), description="Networks that may be posted to although they are not public, such as 10.0.0.0/8."
    )


class Secrets(Model):
    """Where the secrets of documents are."""

    directory: Located | None = Field(default=None, description="The folder in which ${file:name} is looked up.")


class State(Model):
    """Where profiles are kept between records; the changelog topic is what makes them durable."""

    store: Literal["rocksdb", "memory"] = Field(default="rocksdb", description="On disk, or in memory (for tests).")
    directory: Located = Field(default=Path("data"), description="The folder of the state on disk.")


class Http(Model):
    """Where health and metrics are served."""

    host: Line = Field(default="127.0.0.1", description="The address to listen on; 0.0.0.0 = all.")
    port: Annotated[Integer, Field(ge=0, le=65_535)] = Field(default=8080, description="The port; 0 = a free one.")


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
        default=120, description="How long the broker may take to confirm a batch."
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
        default=512 * 1024 * 1024, description="Bytes of exports that are held in memory."
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
    delivered: Switch = Field(default=True, description="Whether delivered exports have a line too.")
