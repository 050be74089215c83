"""What a destination is sent of a profile, as a document writes it: segments, attributes, identities, and whose."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from streams.configuration import rules
from streams.configuration.fields import Model, Short
from streams.configuration.names import Instant, Line, Need, Switch, some
from streams.configuration.validation import keyed, refuse
from streams.destinations import UPS


class SegmentDraft(Short):
    """A mapped segment; a text is its id."""

    id: Line = Field(description="The segment's id, any text.")
    namespace: Line = Field(default=UPS, description="The namespace of its id.")
    name: Line | None = Field(
        default=None, description="Its name, for people, and for the endpoint with `includeSegmentNames`."
    )
    created_at: Instant | None = Field(
        default=None, description="When the segment itself was made; sent with `includeSegmentTimestamps`."
    )
    updated_at: Instant | None = Field(default=None, description="When it was last changed; sent likewise.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return keyed("id", value)


class AttributeDraft(Short):
    """A mapped attribute; a text is its source."""

    source: Line = Field(description="Where it is in the profile, as dotted names.")
    target: Line | None = Field(default=None, description="Where it goes in the body; where it is, when not given.")
    mandatory: Switch = Field(default=False, description="Whether an entry waits until the profile has it.")
    deduplication_key: Switch = Field(
        default=False,
        description="Whether the endpoint knows a profile by it: a withdrawal carries it, and no other attribute.",
    )
    hash: Literal["sha256"] | None = Field(
        default=None, description="Send `sha256` of the trimmed, lower-cased text in place of the value."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return keyed("source", value)

    @model_validator(mode="after")
    def _has_legal_paths(self) -> AttributeDraft:
        paths = {"source": self.source, "target": self.target}
        refuse(flaw for key, path in paths.items() if path is not None for flaw in rules.path_flaws(key, path))
        return self

    @property
    def target_path(self) -> tuple[str, ...]:
        """Where it goes, as names."""
        return rules.path_of(self.source if self.target is None else self.target)


class IdentityDraft(Short):
    """A selected namespace of identities; a text is its name."""

    namespace: Line = Field(description="The namespace, as it comes.")
    target: Line | None = Field(default=None, description="What it is called in the body; as it comes, if not given.")
    hash: Literal["sha256"] | None = Field(
        default=None, description="Send `sha256` of each trimmed, lower-cased id in place of it."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return keyed("namespace", value)


class ConsentDraft(Model):
    """What a profile must have consented to."""

    needs: Annotated[tuple[Need, ...], AfterValidator(some)] = Field(
        description="All of these must be given: `collect`, `share`, `personalize.content`, `marketing.any`, or "
        "`marketing.` and a channel, such as `marketing.email`; as XDM has them below `consents`."
    )
    granted: tuple[Literal["y", "p", "u", "LI", "CT", "CP", "VI", "PI"], ...] = Field(
        default=("y",), description="The values of `val` that count as given."
    )
    absent: Literal["denied", "granted"] = Field(default="denied", description="What no value at all counts as.")
