"""The worker's settings: how they are read from a file and the environment, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from streams.codes import Mistake
from streams.configuration.environment import overlay
from streams.configuration.fields import Model
from streams.configuration.files import content, name_of
from streams.configuration.inputs import IncompleteInputs
from streams.configuration.inputs import Inputs as Inputs
from streams.configuration.inputs import ProfileInput as ProfileInput
from streams.configuration.kafka import Kafka as Kafka
from streams.configuration.located import Node, lines_of, read
from streams.configuration.names import Commas, app_name, masked_url
from streams.configuration.origins import origins
from streams.configuration.problems import ConfigurationError as ConfigurationError
from streams.configuration.problems import Problem, in_order
from streams.configuration.sections import Activation as Activation
from streams.configuration.sections import Delivery as Delivery
from streams.configuration.sections import Egress as Egress
from streams.configuration.sections import Http as Http
from streams.configuration.sections import Located
from streams.configuration.sections import Log as Log
from streams.configuration.sections import Secrets as Secrets
from streams.configuration.sections import State as State
from streams.configuration.sections import Topics as Topics
from streams.configuration.unseen import with_secrets
from streams.configuration.validation import Flaw, refuse, validate
from streams.exports import changelog_topic
from streams.secrets import Secret

OURS = ("commands", "dead-letters", "destinations", "status")
"""The topics ``<app>.<one of these>`` are the worker's own, as are all exports."""


class Settings(Model):
    """All settings of a worker."""

    app: Annotated[str, AfterValidator(app_name)] = Field(
        default="streams", description="What the names of the worker's topics and groups begin with."
    )
    kafka: Kafka = Kafka()
    inputs: Inputs
    merge: Literal["newest", "precedence"] = Field(
        default="newest",
        description="Which source wins where two have the same attribute: the newest record, or list order.",
    )
    documents: Annotated[tuple[Located, ...], Commas] = Field(
        default=(), description="The files, or folders of them, that describe destinations and accounts."
    )
    egress: Egress = Egress()
    partitioner: Literal["murmur2", "crc32", "any"] = Field(
        default="any",
        description="How the inputs' producers place keys: murmur2 (Java, aiokafka) or crc32 (librdkafka's default); "
        "a record that is elsewhere is a dead letter. With any, nothing is checked.",
    )
    secrets: Secrets = Secrets()
    state: State = State()
    http: Http = Http()
    topics: Topics = Topics()
    activation: Activation = Activation()
    delivery: Delivery = Delivery()
    log: Log = Log()

    @property
    def secrets_of_its_own(self) -> list[Secret]:
        """What must not be seen of the settings themselves."""
        return [*self.kafka.secrets, *([] if self.http.token is None else [self.http.token])]

    @model_validator(mode="after")
    def _reads_none_of_its_own_topics(self) -> Settings:
        refuse(_loop_flaws(self))
        return self


def _loop_flaws(settings: Settings) -> Iterator[Flaw]:
    app = settings.app
    own = {f"{app}.{name}" for name in OURS} | {changelog_topic(app)}
    for path, topic in settings.inputs.roles():
        if topic in own or topic.startswith(f"{app}.exports."):
            what, remedy = f"{topic!r} is written by this worker", "read another topic, or change app"
            yield Flaw(what, remedy, ("inputs", *path), Mistake.CONTRADICTION)


class IncompleteSettings(Settings):
    """Settings whose inputs are not all declared yet."""

    inputs: IncompleteInputs = IncompleteInputs()


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of the file at *path*, if any, with those of *environ* above them.

    Relative paths start at the file's folder; without a file, at the working directory. Raises ConfigurationError
    with everything that is wrong, each with its line or its environment name.
    """
    return load_with_origins(path, environ)[0]


def load_incomplete(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return settings as ``load`` does, but that inputs may be missing: they are still being found out."""
    return _loaded(IncompleteSettings, path, environ)[0]


def load_with_origins(path: Path | None, environ: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """Return the settings, and by dotted name where each comes from; raises ConfigurationError, as ``load`` does."""
    return _loaded(Settings, path, environ)


def _loaded(model: type[Settings], path: Path | None, environ: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    problems: list[Problem] = []
    node = Node("settings", {}) if path is None else _file(path, problems)
    lost = node.where if node.refused else None
    base = Path() if path is None else path.parent
    node = with_secrets(model, overlay(model, node, environ, problems), environ, base, problems)
    found: list[Problem] = []
    settings = validate(model, node, found, {"base": base})
    problems += [problem for problem in found if problem.where != lost]
    if problems or settings is None:
        raise ConfigurationError(in_order(problems, [] if path is None else [name_of(path)]))
    return settings, origins(model, node)


def _file(path: Path, problems: list[Problem]) -> Node:
    """Return what stands in a file; one that cannot be read is refused: what it lacks is not told."""
    documents = read(content(path, problems), lines_of(name_of(path)), problems)
    if len(documents) > 1:
        problems.append(Problem(documents[1].where, "a second document is here", "keep one", code=Mistake.SYNTAX))
    return documents[0] if documents else Node(f"{name_of(path)}:1", {}, refused=bool(problems))


def masked(settings: Settings) -> dict[str, Any]:
    """Return the effective settings as plain data, with passwords and what URLs carry masked."""
    return {key: _masked(value) for key, value in settings.model_dump(mode="json", by_alias=True).items()}


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return masked_url(value) if isinstance(value, str) else value
