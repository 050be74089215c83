"""Documents as they are written: the keys of an account and of a destination, their bounds and what they mean."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from streams import headers, rules
from streams.destinations import UPS
from streams.fields import Model
from streams.names import Integer, Line, Name, Number, Switch, Url
from streams.problems import ConfigurationError
from streams.validation import Flaw, refuse

MAX_AHEAD = 20_000
"""A commit's metadata, 4 096 bytes, must name each export that is finished ahead of the oldest unfinished one."""


def _hidden(value: object) -> object:
    """Refuse what is no text without showing it."""
    if not isinstance(value, str):
        refuse([Flaw("is not a text", "quote it")])
    return value


Hidden = Annotated[str, BeforeValidator(_hidden)]
Seconds = Annotated[Number, Field(gt=0, le=86_400)]


class AccountKeys(Model):
    """A connection to someone else's endpoint."""

    http_endpoint: Annotated[Url, BeforeValidator(_hidden)] = Field(
        description="The whole URL that profiles are posted to; query parameters are sent exactly as they are written."
    )
    auth_endpoint: Annotated[Url, BeforeValidator(_hidden)] | None = Field(
        default=None, description="The whole URL of the token endpoint (OAuth2 client credentials)."
    )
    client_id: Line | None = Field(default=None, alias="clientID", description="The client's id at that endpoint.")
    client_secret: Hidden | None = Field(
        default=None, repr=False, description="A reference to the client's secret; a literal is refused."
    )
    client_credentials_type: Literal["body", "basic"] = Field(
        default="body", description="Whether id and secret are sent in the form, or by Basic authorization."
    )
    scope: Line | None = Field(default=None, description="The scope to ask for.")

    @model_validator(mode="after")
    def _has_all_credentials_or_none(self) -> AccountKeys:
        given = {"authEndpoint": self.auth_endpoint, "clientID": self.client_id, "clientSecret": self.client_secret}
        refuse(rules.credential_flaws(given))
        return self


class AccountDraft(AccountKeys):
    """A document of its own that destinations name as their account."""

    kind: Literal["account"] = Field(description="``account``.")
    name: Name = Field(description="What destinations call it.")
    description: str = Field(default="", description="What it is, for people.")


class SegmentDraft(Model):
    """A mapped segment; a text is its id."""

    id: Line = Field(description="The segment's id, any text.")
    namespace: Line = Field(default=UPS, description="The namespace of its id.")
    name: Line | None = Field(default=None, description="Its name, for people.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"id": value} if isinstance(value, str) else value


class AttributeDraft(Model):
    """A mapped attribute; a text is its source."""

    source: Line = Field(description="Where it is in the profile, as dotted names.")
    target: Line | None = Field(default=None, description="Where it goes in the body; where it is, when not given.")
    mandatory: Switch = Field(default=False, description="Whether an entry waits until the profile has it.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"source": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _has_legal_paths(self) -> AttributeDraft:
        paths = {"source": self.source, "target": self.target}
        refuse(flaw for key, path in paths.items() if path is not None for flaw in rules.path_flaws(key, path))
        return self

    @property
    def target_path(self) -> tuple[str, ...]:
        """Where it goes, as names."""
        return rules.path_of(self.source if self.target is None else self.target)


class HeaderDraft(Model):
    """A custom header's value; a text is one that is no secret."""

    value: Hidden = Field(repr=False, description="The value; of a secret one, a reference.")
    secret: Switch = Field(default=False, description="Whether the value is a secret.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str | dict):
            refuse([Flaw("is not a text", "quote it, or write {value, secret: true}")])
        return {"value": value} if isinstance(value, str) else value


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


def _inline_or_name(value: object) -> str:
    return "<name>" if isinstance(value, str) else "<inline>"


AccountOrName = Annotated[
    Annotated[AccountKeys, Tag("<inline>")] | Annotated[Name, Tag("<name>")], Discriminator(_inline_or_name)
]


def _headers_from_text(value: object) -> object:
    if not isinstance(value, str):
        return {} if value is None else value
    problems = []
    pairs: list[tuple[str, str]] = []
    try:
        pairs = headers.parse(value, "")
    except ConfigurationError as error:
        problems = list(error.problems)
    refuse(Flaw(problem.what, problem.remedy) for problem in problems)
    return dict(pairs)


def _legal_headers(custom: dict[str, HeaderDraft]) -> dict[str, HeaderDraft]:
    values = {name: header.value for name, header in custom.items()}
    refuse(rules.header_flaws(values, frozenset(name for name, header in custom.items() if header.secret)))
    return custom


def _different_segments(segments: tuple[SegmentDraft, ...]) -> tuple[SegmentDraft, ...]:
    refuse(rules.repeated([(segment.namespace, segment.id) for segment in segments]))
    return segments


def _different_texts(texts: tuple[str, ...]) -> tuple[str, ...]:
    refuse(rules.repeated(texts))
    return texts


def _compatible_attributes(attributes: tuple[AttributeDraft, ...]) -> tuple[AttributeDraft, ...]:
    refuse(rules.target_flaws([attribute.target_path for attribute in attributes]))
    return attributes


Headers = Annotated[dict[str, HeaderDraft], BeforeValidator(_headers_from_text), AfterValidator(_legal_headers)]
Segments = Annotated[tuple[SegmentDraft, ...], AfterValidator(_different_segments)]
Attributes = Annotated[tuple[AttributeDraft, ...], AfterValidator(_compatible_attributes)]
MarketingActions = Annotated[tuple[Line, ...], AfterValidator(_different_texts)]


class DestinationDraft(Model):
    """A destination: a connection, and what is sent over it."""

    kind: Literal["destination"] = Field(description="``destination``.")
    name: Name = Field(description="What topics, groups, metrics and commands call it; it never changes.")
    description: str = Field(default="", description="What it is, for people.")
    account: AccountOrName = Field(description="A connection, or the name of an account document.")
    custom_headers: Headers = Field(
        default={}, description="``name1:value1,name2:value2``, or a mapping of texts or {value, secret: true}."
    )
    marketing_actions: MarketingActions = Field(default=(), description="What the data is sent for.")
    segments: Segments = Field(default=(), description="The mapped segments; none yet is allowed.")
    attributes: Attributes = Field(default=(), description="The mapped attributes.")
    absent: Literal["omit", "null"] = Field(default="omit", description="How an attribute that is not there is sent.")
    triggers: Literal["changed", "written"] = Field(
        default="changed", description="Whether writing the same value again is sent too."
    )
    status: Literal["alpha", "ga"] = Field(
        default="alpha", description="Whether ``existing`` is sent as it came, or as ``realized``."
    )
    delivery: DeliveryDraft = DeliveryDraft()
