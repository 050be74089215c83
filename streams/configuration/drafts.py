"""Documents as they are written: the keys of an account and of a destination, their bounds and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
)

from streams.configuration import headers, rules
from streams.configuration.delivery_draft import DeliveryDraft
from streams.configuration.fields import Model
from streams.configuration.header_draft import REFERENCE, Headers
from streams.configuration.located import Node
from streams.configuration.mapping_draft import AttributeDraft, ConsentDraft, IdentityDraft, SegmentDraft
from streams.configuration.names import Hidden, Line, Moment, Name, OneOrMore, Switch, Url, hidden
from streams.configuration.validation import Flaw, expected, refuse
from streams.destinations import UPS


def _reference(text: str) -> str:
    refuse(rules.secret_flaws(text))
    return text


CREDENTIALS = ("authEndpoint", "clientID", "clientSecret")


class AccountKeys(Model):
    """A connection to someone else's endpoint."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependencies": {key: [other for other in CREDENTIALS if other != key] for key in CREDENTIALS}
        }
    )

    http_endpoint: Annotated[Url, BeforeValidator(hidden)] = Field(
        description="The whole URL that profiles are posted to; query parameters are sent exactly as they are written."
    )
    auth_endpoint: Annotated[Url, BeforeValidator(hidden)] | None = Field(
        default=None, description="The whole URL of the token endpoint (OAuth2 client credentials)."
    )
    client_id: Line | None = Field(default=None, alias="clientID", description="The client's id at that endpoint.")
    client_secret: Annotated[Hidden, AfterValidator(_reference), WithJsonSchema(REFERENCE)] | None = Field(
        default=None, repr=False, description="A reference to the client's secret; a literal is refused."
    )
    client_credentials_type: Literal["body", "basic"] = Field(
        default="body", description="Whether id and secret are sent in the form, or by Basic authorization."
    )
    scope: Line | None = Field(default=None, description="The scope to ask for.")

    @classmethod
    def flaws_between(cls, entries: Mapping[str, Node]) -> Iterator[Flaw]:
        """Refuse some but not all credentials."""
        given = {key for key, node in entries.items() if node.value is not None or node.refused}
        yield from rules.credential_flaws({key: key in given for key in CREDENTIALS})


class AccountDraft(AccountKeys):
    """A document of its own that destinations name as their account."""

    kind: Literal["account"] = Field(description="`account`.")
    name: Name = Field(description="What destinations call it.")
    description: str = Field(default="", description="What it is, for people.")


def _inline_or_name(value: object) -> str:
    return "<name>" if isinstance(value, str) else "<inline>"


def _account_or_name(value: object) -> object:
    if not isinstance(value, str | dict):
        refuse([Flaw("", expected("a mapping, or the name of an account document", value))])
    return value


AccountOrName = Annotated[
    Annotated[AccountKeys, Tag("<inline>")] | Annotated[Name, Tag("<name>")],
    Discriminator(_inline_or_name),
    BeforeValidator(_account_or_name),
]


def _text(item: Node, key: str) -> str | None:
    """Return the text of an item of a list, which may be written as that alone, or at *key* in a mapping."""
    found = item if not isinstance(item.value, dict) else item.below(key)
    return found.value if found is not None and isinstance(found.value, str) else None


def _segment(item: Node) -> tuple[str, str] | None:
    name = _text(item, "id")
    namespace = item.below("namespace")
    return None if name is None else (str(UPS if namespace is None else namespace.value), name)


def _target(item: Node) -> rules.Path | None:
    source, target = _text(item, "source"), item.below("target")
    text = source if target is None or target.value is None else target.value
    is_path = isinstance(text, str) and not any(rules.path_flaws("", text))
    return rules.path_of(str(text)) if is_path else None


def _list_flaws(entries: Mapping[str, Node]) -> Iterator[Flaw]:
    """Refuse what cannot stand in a list twice."""
    items = {key: node.value for key, node in entries.items() if isinstance(node.value, list)}
    found = {
        "segments": rules.repeated([_segment(item) for item in items.get("segments", ())]),
        "attributes": rules.target_flaws([_target(item) for item in items.get("attributes", ())]),
        "marketingActions": rules.repeated([_text(item, "") for item in items.get("marketingActions", ())]),
        "identities": rules.repeated([_text(item, "namespace") for item in items.get("identities", ())]),
        "requiredIdentity": rules.repeated([_text(item, "") for item in items.get("requiredIdentity", ())]),
    }
    for key, flaws in found.items():
        yield from (flaw._replace(path=(key, *flaw.path)) for flaw in flaws)


class DestinationDraft(Model):
    """A destination: a connection, and what is sent over it."""

    kind: Literal["destination"] = Field(description="`destination`.")
    name: Name = Field(description="What topics, groups, metrics and commands call it; it never changes.")
    description: str = Field(default="", description="What it is, for people.")
    account: AccountOrName = Field(description="A connection, or the name of an account document.")
    custom_headers: Headers = Field(
        default={}, description="`name1:value1,name2:value2`, or a mapping of texts or {value, secret: true}."
    )
    marketing_actions: tuple[Line, ...] = Field(default=(), description="What the data is sent for.")
    segments: tuple[SegmentDraft, ...] = Field(default=(), description="The mapped segments; none yet is allowed.")
    attributes: tuple[AttributeDraft, ...] = Field(default=(), description="The mapped attributes.")
    identities: tuple[IdentityDraft, ...] | None = Field(
        default=None, description="The namespaces of identities that are sent; all of them as they come, if not given."
    )
    required_identity: OneOrMore = Field(
        default=(), description="The namespaces, one or a list, in each of which a profile must have an identity."
    )
    consent: ConsentDraft | None = Field(
        default=None, description="What a profile must have consented to; nothing, when not given."
    )
    include_segment_names: Switch = Field(default=False, description="Whether a membership says its segment's name.")
    include_segment_timestamps: Switch = Field(
        default=False,
        description="Whether a membership says when its segment was made and changed (`createdAt`, `updatedAt`), and "
        "when its mapping was (`mappingCreatedAt`, `mappingUpdatedAt`), in milliseconds.",
    )
    absent: Literal["omit", "null"] = Field(default="omit", description="How an attribute that is not there is sent.")
    triggers: Literal["changed", "written"] = Field(
        default="changed", description="Whether writing the same value again is sent too."
    )
    status: Literal["alpha", "ga"] = Field(
        default="alpha", description="Whether `existing` is sent as it came, or as `realized`."
    )
    since: Moment | None = Field(
        default=None,
        description="From when on records lead to exports, by their own timestamps: `now`, which is when the "
        "destination is created, or a time such as `2026-01-31T00:00:00Z`; all of them, when not given.",
    )
    delivery: DeliveryDraft = DeliveryDraft()

    @classmethod
    def flaws_between(cls, entries: Mapping[str, Node]) -> Iterator[Flaw]:
        """Refuse what is there twice, or cannot be beside another."""
        yield from _list_flaws(entries)
        custom = entries.get("customHeaders")
        if custom is not None and isinstance(custom.value, dict):
            yield from (Flaw(*flaw, ("customHeaders",)) for flaw in headers.flaws_of(list(custom.value)))
