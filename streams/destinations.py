"""Where a profile may go: a destination, its account, segments and attributes, as the documents decided it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from streams.secrets import Secret

UPS = "ups"
"""The namespace of the segments that the platform itself evaluates; a membership's default."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A mapped segment: an opaque id in a namespace."""

    id: str
    namespace: str = UPS
    name: str | None = None
    created_at: int | None = None
    """When the segment itself was made, and last changed, as far as the document says; milliseconds since 1970."""
    updated_at: int | None = None
    mapping_created_at: int | None = None
    """When the destination came to map it, and when that was last changed; known of a document in force only."""
    mapping_updated_at: int | None = None


Hash = Literal["sha256"]
"""How a value is hashed before it leaves: the lower-cased, trimmed text, as hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A mapped attribute: where it is in the union of the profile's fragments, where it goes in the body."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    mandatory: bool = False
    deduplication_key: bool = False
    """Whether the endpoint knows a profile by it: a withdrawal carries it, though it carries no other attribute."""
    hash: Hash | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """A selected namespace of identities: what it is called in the body, and whether its ids are hashed."""

    namespace: str
    target: str
    hash: Hash | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """What a profile must have consented to before this destination is sent it (XDM's ``consents``).

    *needs* are ``collect``, ``share``, ``personalize.content``, ``marketing.any`` or ``marketing.<channel>``; all must
    be given. *granted* are the values that count as given, and *absent* is what no value at all counts as.
    """

    needs: tuple[str, ...]
    granted: tuple[str, ...] = ("y",)
    absent: Literal["denied", "granted"] = "denied"


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """OAuth2 client credentials (RFC 6749 section 4.4), sent in the form body or by Basic authorization."""

    token_url: str
    client_id: str
    client_secret: Secret
    style: Literal["body", "basic"] = "body"
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A connection to someone else's endpoint; without credentials, requests carry no authorization."""

    http_endpoint: str
    credentials: ClientCredentials | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """A custom header; a secret one is masked wherever it is shown."""

    name: str
    value: str | Secret


@dataclass(frozen=True, slots=True)
class Retry:
    """When a retry in place is tried again, and when it exhausts; seconds.

    ``durable`` goes by what follows; ``adobe`` tries again after 15 and 30 seconds, then gives up.
    """

    policy: Literal["durable", "adobe"] = "durable"
    first_seconds: float = 0.5
    cap_seconds: float = 60.0
    max_elapsed_seconds: float = 900.0
    retry_after_cap_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What a destination's status lines mean, where that is not what they mean by default.

    An item is a status, 200 to 599, or a class of them by its first digit, 2 to 5. No item is in two of the lists.
    """

    delivered: tuple[int, ...] = ()
    retry: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    fault: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """How many exports one request carries, of different profiles."""

    max_exports: int = 100
    max_bytes: int = 1024 * 1024
    linger_seconds: float = 0.05
    """How long the first of them waits for others."""
    format: Literal["array", "ndjson"] = "array"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The bounds of a destination's delivery (design: everything is bounded)."""

    max_in_flight: int = 64
    """Of all the workers that hold its partitions together."""
    max_requests_per_second: float | None = None
    """Likewise."""
    timeout_seconds: float = 2.0
    connect_timeout_seconds: float | None = None
    read_timeout_seconds: float | None = None
    max_payload_bytes: int | None = None
    max_pending: int = 5_000
    max_pending_bytes: int = 64 * 1024 * 1024
    max_ahead: int = 10_000
    supersede: bool = False
    """Whether an export that waits is replaced by a newer one of its profile."""
    fault_after_seconds: float = 30.0
    max_pause_seconds: float | None = None
    retry: Retry = field(default_factory=Retry)
    outcomes: Outcomes = field(default_factory=Outcomes)
    batch: Batch | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """An operator's pause: who asked for it, why, and when, in milliseconds."""

    by: str
    why: str
    at: int


@dataclass(frozen=True, slots=True)
class Destination:
    """One destination, immutable; a changed document makes a new value with a higher version."""

    name: str
    account: Account
    number: int = 1
    version: int = 1
    description: str = ""
    headers: tuple[Header, ...] = ()
    marketing_actions: tuple[str, ...] = ()
    segments: tuple[Segment, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    identities: tuple[Identity, ...] | None = None
    """The selected namespaces; None = all, as they come."""
    required_identities: tuple[str, ...] = ()
    """The namespaces, as they come, of each of which an entry waits for an identity."""
    consent: Consent | None = None
    include_segment_names: bool = False
    include_segment_timestamps: bool = False
    absent: Literal["omit", "null"] = "omit"
    triggers: Literal["changed", "written"] = "changed"
    status: Literal["alpha", "ga"] = "alpha"
    since: int | Literal["now"] | None = None
    """Records with an older timestamp (milliseconds since 1970) trigger nothing; "now" is when it was created."""
    delivery: Delivery = field(default_factory=Delivery)
    min_version: int = 1
    """Exports that were rendered by a lower version must not be posted: they say more than is wanted now."""
    pause: Pause | None = None
    refusals_accepted_at: int = 0
    """When an operator last let the refused exports end that waited at fault, in milliseconds; 0 = never."""
    forbidden: str | None = None
    """Why policies forbid it, from label to action, as things stand; it is neither exported to nor delivered."""
    is_draining: bool = False
    """It is exported nothing more; what it was exported is still delivered."""

    def told_of(self, segment: Segment) -> dict[str, int | str]:
        """Return what a membership in *segment* says beside its time and status, where that is known."""
        told: dict[str, int | str | None] = {}
        if self.include_segment_timestamps:
            told |= {"createdAt": segment.created_at, "updatedAt": segment.updated_at}
            told |= {"mappingCreatedAt": segment.mapping_created_at, "mappingUpdatedAt": segment.mapping_updated_at}
        if self.include_segment_names:
            told["name"] = segment.name
        return {key: value for key, value in told.items() if value is not None}

    @property
    def is_held(self) -> bool:
        """Whether nothing of it is posted, whatever waits: an operator has paused it, or a policy forbids it."""
        return self.pause is not None or self.forbidden is not None

    @property
    def incarnation(self) -> str:
        """Name and creation number, such as ``crm.1``: what topic, group and export ids are made of.

        A name holds no dot, so the two parts never run into each other; a destination that is deleted and made
        again under its old name is another incarnation.
        """
        return f"{self.name}.{self.number}"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets that it is reached with, so that logs can mask them."""
        credentials = self.account.credentials
        ours = () if credentials is None else (credentials.client_secret,)
        return (*ours, *(header.value for header in self.headers if isinstance(header.value, Secret)))
