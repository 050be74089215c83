"""Walks the fields of a model: how each is spelt in a file, what it is called in the environment, what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from streams.configuration.located import Node
from streams.configuration.problems import Flaw

PREFIX = "STREAMS_"


class Model(BaseModel):
    """A frozen model that is written in camelCase or snake_case; unknown keys are refused, inputs are not shown."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    @classmethod
    def flaws_between(cls, entries: Mapping[str, Node]) -> Iterator[Flaw]:
        """Yield what is wrong between *entries*, each of which may itself be wrong, or not be there.

        Asked beside the validation, so that one wrong value does not hide what is wrong between the others.
        """
        yield from ()


class Short(Model):
    """A model that may also be written as a text, which stands for one with a single key."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the schema of both ways to write it."""
        return {"anyOf": [{"type": "string"}, handler(core_schema)]}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field that holds a value: its path in a file, its environment name, and what is declared of it."""

    path: tuple[str, ...]
    environment: str
    info: FieldInfo

    @property
    def is_list(self) -> bool:
        """Whether it may be written as comma text."""
        return get_origin(self.info.annotation) is tuple

    @property
    def is_mapping(self) -> bool:
        """Whether it may be written as a mapping."""
        return not self.is_list and model_within(self.info.annotation) is not None

    @property
    def is_typed(self) -> bool:
        """Whether a text must first become a number, true, false or nothing."""
        return _holds_number(self.info.annotation)


def _holds_number(annotation: Any) -> bool:
    return annotation in (int, float, bool) or any(map(_holds_number, get_args(annotation)))


def spelling(name: str, info: FieldInfo) -> str:
    """Return how a field is spelt in a file."""
    return info.alias or to_camel(name)


def spellings(model: type[BaseModel]) -> dict[str, str]:
    """Return every accepted spelling of a model's keys, each with the one that is printed."""
    accepted: dict[str, str] = {}
    for name, info in model.model_fields.items():
        alias = spelling(name, info)
        accepted |= {alias: alias, to_camel(name): alias, name: alias}
    return accepted


def section_of(info: FieldInfo) -> type[Model] | None:
    """Return the model of a field that is a section of its own."""
    annotation = info.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, Model) else None


def model_within(annotation: Any) -> type[Model] | None:
    """Return the model that stands somewhere in an annotation, such as the items of a list."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation
    return next(filter(None, map(model_within, get_args(annotation))), None)


def leaves(model: type[BaseModel], path: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield the fields of a model and of its sections, in the order of their declaration."""
    for name, info in model.model_fields.items():
        below, named = (*path, spelling(name, info)), (*names, name)
        section = section_of(info)
        if section is not None:
            yield from leaves(section, below, named)
        else:
            yield Leaf(below, PREFIX + "_".join(named).upper(), info)
