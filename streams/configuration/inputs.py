"""The inputs in the worker's settings: topics, and where the records of those that are not XDM hold what is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from streams.activation.events import STATUSES, FragmentPaths, MembershipPaths, Status
from streams.codes import Mistake
from streams.configuration.fields import Model
from streams.configuration.names import Commas, Integer, JsonPath, Line, NamespaceOrPath, Topic, names_of
from streams.configuration.validation import Flaw, keyed, refuse
from streams.destinations import UPS

T = TypeVar("T")

_UNITS_US = {"seconds": 1_000_000, "milliseconds": 1_000}


class DeclaredInput(Model):
    """An input topic; what is not declared is not printed either."""

    topic: Topic = Field(description="The topic.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return keyed("topic", value)

    @model_serializer(mode="wrap")
    def _what_is_declared(self, all_of: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in all_of(self).items() if value not in (None, {})}


class MembershipInput(DeclaredInput):
    """A topic of memberships; flat JSON has one in each record, at the declared paths."""

    segment: JsonPath | None = Field(
        default=None, description="Where the segment's id lies, such as `$.audience_id`; XDM is read, when not given."
    )
    namespace: NamespaceOrPath | None = Field(
        default=None, description=f"The namespace of its id, or a path to it; `{UPS}`, when not given."
    )
    status: JsonPath | None = Field(
        default=None, description="Where the status lies; what the topic says, when not given."
    )
    status_values: dict[Line, Literal["realized", "existing", "exited"]] = Field(
        default={}, description="What the words there mean, such as `{add: realized, remove: exited}`."
    )
    time: JsonPath | None = Field(
        default=None, description="Where the event time lies; the record's timestamp, when not given."
    )
    valid_until: JsonPath | None = Field(
        default=None, description="Where it lies when the membership ends by itself; it does not, when not given."
    )
    time_unit: Literal["seconds", "milliseconds"] | None = Field(
        default=None,
        description="What a number counts as a time since 1970; without it, a text with a zone is expected.",
    )

    @field_validator("namespace", "status", "time", "valid_until")
    @classmethod
    def _stands_beside_segment(cls, value: str | None, info: ValidationInfo) -> str | None:
        return _beside("segment", value, info)

    @field_validator("status_values")
    @classmethod
    def _stands_beside_status(cls, value: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        return _beside("status", value, info)

    @field_validator("time_unit")
    @classmethod
    def _stands_beside_time(cls, value: str | None, info: ValidationInfo) -> str | None:
        is_for_the_end = info.data.get("valid_until", True)  # if that one is wrong itself, it has been told
        return value if is_for_the_end else _beside("time", value, info)

    @property
    def paths(self) -> MembershipPaths | None:
        """What is declared, compiled; None if the records are XDM."""
        if self.segment is None:
            return None
        words = {word: Status(status) for word, status in self.status_values.items()}
        namespace = self.namespace or UPS
        return MembershipPaths(
            segment=names_of(self.segment),
            namespace=names_of(namespace) if namespace.startswith("$") else namespace,
            status=None if self.status is None else names_of(self.status),
            words=words or STATUSES,
            time=None if self.time is None else names_of(self.time),
            until=None if self.valid_until is None else names_of(self.valid_until),
            unit_us=self.time_unit and _UNITS_US[self.time_unit],
        )


class BothInput(MembershipInput):
    """A topic of both kinds of memberships: only the status tells them apart."""

    @field_validator("status")
    @classmethod
    def _is_said(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("segment") is not None:
            remedy = "say where the status lies, since the topic holds both kinds"
            refuse([Flaw("is missing", remedy, code=Mistake.MISSING_VALUE)])
        return value


class ProfileInput(DeclaredInput):
    """A topic of profile fragments, and what its source is called."""

    name: Line = Field(default="", description="The source's name; the topic's when not given.", validate_default=False)
    attributes: JsonPath | None = Field(
        default=None, description="Where the object of all attributes lies; the whole record, when not given."
    )
    identities: dict[Line, JsonPath] = Field(
        default={},
        description="By namespace where an id lies, such as `{ecid: $.ecid}`; `identityMap`, when not given.",
    )

    @model_validator(mode="before")
    @classmethod
    def _named_by_its_topic(cls, value: object) -> object:
        mapping = keyed("topic", value)
        return {"name": mapping["topic"], **mapping} if "topic" in mapping else mapping

    @property
    def paths(self) -> FragmentPaths | None:
        """What is declared, compiled; None if the records are XDM."""
        if self.attributes is None and not self.identities:
            return None
        return FragmentPaths(
            attributes=None if self.attributes is None else names_of(self.attributes),
            identities={namespace: names_of(path) for namespace, path in self.identities.items()} or None,
        )


def _beside(other: str, value: T, info: ValidationInfo) -> T:
    """Take a value that means nothing without the *other* key, unless that one is wrong itself."""
    if value and other in info.data and not info.data[other]:
        remedy = f"declare {other}, too, or leave it out"
        refuse([Flaw(f"came without {other}", remedy, code=Mistake.CONTRADICTION)])
    return value


def _clashes(inputs: Inputs) -> Iterator[Flaw]:
    if inputs.memberships and (inputs.qualifications or inputs.exits):
        remedy = "keep memberships alone (its records carry a status), or qualifications and exits"
        yield Flaw("came beside qualifications or exits", remedy, ("memberships",), Mistake.CONTRADICTION)
    roles: dict[str, str] = {}
    for path, topic in inputs.roles():
        if topic in roles:
            what, remedy = f"the topic {topic!r} is {roles[topic]} already", "give each role a topic of its own"
            yield Flaw(what, remedy, path, Mistake.CONTRADICTION)
        roles.setdefault(topic, str(path[0]))
    names: set[str] = set()
    for index, profile in enumerate(inputs.profiles):
        if profile.name in names and profile.name != profile.topic:
            what, where = f"the source {profile.name!r} is here twice", ("profiles", index, "name")
            yield Flaw(what, "rename one", where, Mistake.CONTRADICTION)
        names.add(profile.name)


class Inputs(Model):
    """The topics that activation reads."""

    qualifications: MembershipInput | None = Field(
        default=None, description="The topic of segment qualifications, or a mapping (see below)."
    )
    exits: MembershipInput | None = Field(default=None, description="The topic of segment exits, or a mapping.")
    memberships: BothInput | None = Field(
        default=None,
        description="One topic for both, instead of qualifications and exits; its records must carry a status.",
    )
    profiles: Annotated[tuple[ProfileInput, ...], Commas] = Field(
        default=(), description="The topics of profile fragments, each a text or a mapping; each is one source."
    )
    partitions: Annotated[Integer, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="How many partitions each input must have; none = as many as the topics have."
    )

    def roles(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Yield each input topic with the key that names it."""
        for role in ("qualifications", "exits", "memberships"):
            if source := getattr(self, role):
                yield (role,), source.topic
        for index, profile in enumerate(self.profiles):
            yield ("profiles", index), profile.topic

    @model_validator(mode="after")
    def _has_one_topic_for_each_role(self) -> Inputs:
        refuse([*self._gaps(), *_clashes(self)])
        return self

    def _gaps(self) -> Iterator[Flaw]:
        if not (self.memberships or self.qualifications or self.exits):
            remedy = "name memberships, or qualifications and exits"
            yield Flaw("no topic of memberships is named", remedy, code=Mistake.MISSING_VALUE)


class IncompleteInputs(Inputs):
    """The inputs while they are being found out: any of them may be missing."""

    def _gaps(self) -> Iterator[Flaw]:
        return iter(())
