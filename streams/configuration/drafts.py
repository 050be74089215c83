"""Documents as they are written: the keys of an account and of a destination, their bounds and what they mean."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from streams.configuration import headers, rules
from streams.configuration.delivery_draft import DeliveryDraft
from streams.configuration.fields import Model
from streams.configuration.names import Line, Name, Switch, Url
from streams.configuration.problems import ConfigurationError, shown
from streams.configuration.validation import Flaw, refuse
from streams.destinations import UPS


def _hidden(value: object) -> object:
    """Refuse what is no text without showing it."""
    if not isinstance(value, str):
        refuse([Flaw("is not a text", "quote it")])
    return value


def _keyed(key: str, value: object) -> object:
    """Take a text for a mapping that holds nothing but *key*."""
    if isinstance(value, str):
        return {key: value}
    if not isinstance(value, dict):
        refuse([Flaw(f"came {shown(value)}", "expected a text (quote what looks like a number) or a mapping")])
    return value


def _reference(text: str) -> str:
    refuse(rules.secret_flaws(text))
    return text


Hidden = Annotated[str, BeforeValidator(_hidden)]


class AccountKeys(Model):
    """A connection to someone else's endpoint."""

    http_endpoint: Annotated[Url, BeforeValidator(_hidden)] = Field(
        description="The whole URL that profiles are posted to; query parameters are sent exactly as they are written."
    )
    auth_endpoint: Annotated[Url, BeforeValidator(_hidden)] | None = Field(
        default=None, description="The whole URL of the token endpoint (OAuth2 client credentials)."
    )
    client_id: Line | None = Field(default=None, alias="clientID", description="The client's id at that endpoint.")
    client_secret: Annotated[Hidden, AfterValidator(_reference)] | None = Field(
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

    kind: Literal["account"] = Field(description="`account`.")
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
        return _keyed("id", value)


class AttributeDraft(Model):
    """A mapped attribute; a text is its source."""

    source: Line = Field(description="Where it is in the profile, as dotted names.")
    target: Line | None = Field(default=None, description="Where it goes in the body; where it is, when not given.")
    mandatory: Switch = Field(default=False, description="Whether an entry waits until the profile has it.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return _keyed("source", value)

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

    @model_validator(mode="after")
    def _is_secret_or_is_not(self) -> HeaderDraft:
        refuse((rules.secret_flaws if self.secret else rules.header_value_flaws)(self.value))
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


def _header_name(name: str) -> str:
    flaw = headers.flaw_of_name(name)
    refuse([Flaw(*flaw)] if flaw else [])
    return name


def _different_headers(custom: dict[str, HeaderDraft]) -> dict[str, HeaderDraft]:
    refuse(Flaw(*flaw) for flaw in headers.flaws_of(list(custom)))
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


Headers = Annotated[
    dict[Annotated[str, AfterValidator(_header_name)], HeaderDraft],
    BeforeValidator(_headers_from_text),
    AfterValidator(_different_headers),
]
Segments = Annotated[tuple[SegmentDraft, ...], AfterValidator(_different_segments)]
Attributes = Annotated[tuple[AttributeDraft, ...], AfterValidator(_compatible_attributes)]
MarketingActions = Annotated[tuple[Line, ...], AfterValidator(_different_texts)]


class DestinationDraft(Model):
    """A destination: a connection, and what is sent over it."""

    kind: Literal["destination"] = Field(description="`destination`.")
    name: Name = Field(description="What topics, groups, metrics and commands call it; it never changes.")
    description: str = Field(default="", description="What it is, for people.")
    account: AccountOrName = Field(description="A connection, or the name of an account document.")
    custom_headers: Headers = Field(
        default={}, description="`name1:value1,name2:value2`, or a mapping of texts or {value, secret: true}."
    )
    marketing_actions: MarketingActions = Field(default=(), description="What the data is sent for.")
    segments: Segments = Field(default=(), description="The mapped segments; none yet is allowed.")
    attributes: Attributes = Field(default=(), description="The mapped attributes.")
    absent: Literal["omit", "null"] = Field(default="omit", description="How an attribute that is not there is sent.")
    triggers: Literal["changed", "written"] = Field(
        default="changed", description="Whether writing the same value again is sent too."
    )
    status: Literal["alpha", "ga"] = Field(
        default="alpha", description="Whether `existing` is sent as it came, or as `realized`."
    )
    delivery: DeliveryDraft = DeliveryDraft()
