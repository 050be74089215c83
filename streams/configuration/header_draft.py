"""A destination's custom headers, as a document writes them: one text, or a mapping."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from streams.configuration import headers, rules
from streams.configuration.fields import Short
from streams.configuration.names import Hidden, Switch
from streams.configuration.problems import ConfigurationError
from streams.configuration.references import PATTERN
from streams.configuration.validation import Flaw, refuse

REFERENCE: dict[str, JsonValue] = {"type": "string", "pattern": PATTERN}
"""How editors know a secret from a literal."""


class HeaderDraft(Short):
    """A custom header's value; a text is one that is no secret."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["secret"], "properties": {"secret": {"const": True}}},
            "then": {"properties": {"value": REFERENCE}},
        }
    )

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


def _headers_from_text(value: object) -> object:
    if value is None or isinstance(value, dict):
        return value or {}
    if not isinstance(value, str):
        refuse([Flaw("", "expected name1:value1,name2:value2 in quotes, or a mapping")])
        return value
    problems = []
    pairs: list[tuple[str, str]] = []
    try:
        pairs = headers.parse(value, "")
    except ConfigurationError as error:
        problems = list(error.problems)
    refuse(Flaw(problem.what, problem.remedy, code=problem.code) for problem in problems)
    return dict(pairs)


def _header_name(name: str) -> str:
    flaw = headers.flaw_of_name(name)
    refuse([Flaw(*flaw)] if flaw else [])
    return name


Headers = Annotated[
    dict[Annotated[str, AfterValidator(_header_name)], HeaderDraft],
    BeforeValidator(_headers_from_text, json_schema_input_type=str | dict[str, HeaderDraft] | None),
]
