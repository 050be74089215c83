"""Documents of governance as they are written: policies, labels and union schemas, their keys and what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema, model_validator

from streams.codes import Mistake
from streams.configuration import rules
from streams.configuration.fields import Model, Short
from streams.configuration.json_schema import schema_flaws
from streams.configuration.located import Node
from streams.configuration.names import Line, Name, OneOrMore, line, one_or_more, some
from streams.configuration.problems import shown, suggestion
from streams.configuration.validation import Flaw, keyed, refuse
from streams.governance.core import CORE_POLICIES
from streams.governance.labels import core_spelling

CORE = "core-"
"""What the names of the shipped policies, and of no others, begin with."""

ALL = "all"
"""What a policy writes in place of marketing actions, to deny any export."""

MAX_DEPTH = 20
"""How deeply operands may stand in each other."""

_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_LABEL_SCHEMA = {"type": "string", "pattern": f"^{_LABEL.pattern}$"}
_LABELLED = {"label"}
_COMBINED = {"operator", "operands"}


def label_flaws(text: object, path: tuple[str | int, ...] = ()) -> Iterator[Flaw]:
    """Refuse what is no label, and a core label in another case."""
    if not isinstance(text, str) or not _LABEL.fullmatch(text):
        yield Flaw(f"came {shown(text)}", "expected a label, such as C2: letters, digits, '_' and '-'", path)
    elif core := core_spelling(text):
        yield Flaw(f"came {text!r}", f"labels go by case: write {core}, or call your own otherwise", path)


def _label(text: str) -> str:
    refuse(label_flaws(text))
    return text


def _labels(values: tuple[str, ...]) -> tuple[str, ...]:
    refuse(rules.repeated(some(values)))
    return values


def _expression_flaws(value: object, path: tuple[str | int, ...]) -> Iterator[Flaw]:
    if len(path) > 2 * MAX_DEPTH:
        yield Flaw("is nested too deeply", f"write it with at most {MAX_DEPTH} operators in each other", path)
    elif isinstance(value, str):
        yield from label_flaws(value, path)
    elif isinstance(value, dict) and value.keys() == _LABELLED:
        yield from label_flaws(value["label"], (*path, "label"))
    elif isinstance(value, dict) and value.keys() == _COMBINED:
        yield from _combination_flaws(value["operator"], value["operands"], path)
    else:
        yield Flaw(f"came {shown(value)}", "expected a label, or {operator: AND or OR, operands: [...]}", path)


def _combination_flaws(operator: object, operands: object, path: tuple[str | int, ...]) -> Iterator[Flaw]:
    if operator not in ("AND", "OR"):  # a set would ask for its hash
        yield Flaw(f"came {shown(operator)}", "expected AND or OR", (*path, "operator"))
    if not isinstance(operands, list) or not operands:
        what = "is an empty list" if operands == [] else f"came {shown(operands)}"
        yield Flaw(what, "expected a list of labels, or of {operator: ..., operands: [...]}", (*path, "operands"))
        return
    for index, operand in enumerate(operands):
        yield from _expression_flaws(operand, (*path, "operands", index))


def _expression(value: object) -> object:
    """Take an expression; it is written the one way, a label as a text."""
    refuse(_expression_flaws(value, ()))
    return _short(value)


def _short(value: Any) -> object:
    if isinstance(value, str):
        return value
    if value.keys() == _LABELLED:
        return value["label"]
    return {"operator": value["operator"], "operands": [_short(operand) for operand in value["operands"]]}


def _path(text: str) -> str:
    """Take an attribute's path, which is never one of what is always sent."""
    refuse(Flaw(flaw.what, flaw.remedy.replace("the attributes", "the paths")) for flaw in rules.path_flaws("", text))
    return line(text)


def _json_schema(value: object) -> object:
    refuse(schema_flaws(value, label_flaws))
    return value


def _meaning(schema: dict[str, Any], *, description: str) -> dict[str, Any]:
    return {**schema, "description": description}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": [*properties], "additionalProperties": False, "properties": properties}


_OPERANDS = {"type": "array", "minItems": 1, "items": {"type": ["string", "object"]}}
EXPRESSION_SCHEMA: dict[str, Any] = {
    "anyOf": [
        _LABEL_SCHEMA,
        _object(label=_meaning(_LABEL_SCHEMA, description="A label that the data has.")),
        _object(
            operator=_meaning({"enum": ["AND", "OR"]}, description="Whether all operands must hold, or one."),
            operands=_meaning(_OPERANDS, description="Each a label, or again an operator with its operands."),
        ),
    ]
}

Label = Annotated[str, AfterValidator(_label)]
Labelled = Annotated[
    tuple[Label, ...],
    BeforeValidator(one_or_more),
    AfterValidator(_labels),
    WithJsonSchema({"anyOf": [_LABEL_SCHEMA, {"type": "array", "minItems": 1, "items": _LABEL_SCHEMA}]}),
]
AttributePath = Annotated[str, AfterValidator(_path)]
Deny = Annotated[Any, PlainValidator(_expression), WithJsonSchema(EXPRESSION_SCHEMA)]
JsonSchema = Annotated[Any, PlainValidator(_json_schema), WithJsonSchema({"type": "object"})]


class PolicyDraft(Model):
    """A policy: which labels forbid which marketing actions. A shipped one is named, and given a status, only."""

    kind: Literal["policy"] = Field(description="`policy`.")
    name: Name = Field(description=f"What it is called; only the shipped ones begin with `{CORE}`.")
    description: str = Field(default="", description="What it is for, for people.")
    marketing_actions: OneOrMore = Field(
        default=(),
        description=f"Which marketing actions it denies, one or a list; `{ALL}` = any, also those that a destination "
        "does not name. Required, unless it is a shipped one.",
    )
    deny: Deny | None = Field(
        default=None,
        description="The labels by which it denies them: a label, or `{operator: AND, operands: [...]}`, or the same "
        "with `OR`; an operand is a label, or again an operator with its operands. Required likewise.",
    )
    status: Literal["enabled", "disabled"] = Field(default="disabled", description="Whether it is in force.")

    @classmethod
    def flaws_between(cls, entries: Mapping[str, Node]) -> Iterator[Flaw]:
        """Refuse a shipped policy that says more than its status, and another one that does not say all."""
        name = entries.get("name")
        if name is not None and isinstance(name.value, str) and name.value.startswith(CORE):
            yield from _core_flaws(name.value, entries)
            return
        missing = {"marketingActions": f"name those that it denies, or write {ALL}", "deny": "say by which labels"}
        for key, remedy in missing.items():
            node = entries.get(key)
            if node is None or (node.value in (None, []) and not node.refused):
                yield Flaw("is missing", remedy, (key,), Mistake.MISSING_VALUE)
        actions = entries.get("marketingActions")
        if actions is not None and isinstance(actions.value, list):
            written = [item.value if isinstance(item.value, str) else None for item in actions.value]
            yield from (flaw._replace(path=("marketingActions", *flaw.path)) for flaw in rules.repeated(written))
            if ALL in written and len(written) > 1:
                remedy = f"write {ALL} alone, or leave it out"
                yield Flaw(f"{ALL} came beside others", remedy, ("marketingActions",), Mistake.CONTRADICTION)


def _core_flaws(name: str, entries: Mapping[str, Node]) -> Iterator[Flaw]:
    if name not in CORE_POLICIES:
        what = f"no shipped policy is called {name!r}, and only those begin with {CORE}"
        yield Flaw(what, suggestion(name, list(CORE_POLICIES)), ("name",))
    for key in ("description", "marketingActions", "deny"):
        if key in entries:
            what, remedy = "is that of a shipped policy", "leave it out, or give the policy a name of its own"
            yield Flaw(what, remedy, (key,), Mistake.CONTRADICTION)


class LabelsDraft(Model):
    """Labels: what may not be done with which data. Each is given to one thing, by one label or a list of them."""

    kind: Literal["labels"] = Field(description="`labels`.")
    name: Name = Field(description="What it is called.")
    description: str = Field(default="", description="What it is, for people.")
    attributes: dict[AttributePath, Labelled] = Field(
        default={}, description="By attribute path: it labels what lies below it, and what lies above it holds it."
    )
    sources: dict[Line, Labelled] = Field(
        default={}, description="By profile source: all attributes and identities that may come from it."
    )
    segments: dict[Line, Labelled] = Field(
        default={},
        description="By segment id; `NAMESPACE:ID` where its namespace is not `ups`, or the id holds a colon.",
    )
    identities: dict[Line, Labelled] = Field(default={}, description="By namespace.")


class PathDraft(Short):
    """A path that profiles may have; a text is that alone."""

    path: AttributePath = Field(description="An attribute path, as dotted names.")
    labels: Labelled | None = Field(default=None, description="Its labels.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return keyed("path", value)


class SchemaDraft(Model):
    """A union schema: the attribute paths that profiles may have, perhaps with their labels."""

    kind: Literal["schema"] = Field(description="`schema`.")
    name: Name = Field(description="What it is called.")
    description: str = Field(default="", description="What it is, for people.")
    paths: tuple[PathDraft, ...] = Field(default=(), description="The paths.")
    json_schema: JsonSchema | None = Field(
        default=None,
        description="Or a JSON Schema, inline: `properties`, `allOf` and `$ref` within itself are followed, arrays are "
        "leaves, `labels` may stand beside a property, and all else is ignored.",
    )

    @classmethod
    def flaws_between(cls, entries: Mapping[str, Node]) -> Iterator[Flaw]:
        """Refuse one that knows nothing, or the same twice."""
        if all(key not in entries or entries[key].value in (None, []) for key in ("paths", "jsonSchema")):
            yield Flaw("knows no path", "give it paths, or a jsonSchema", code=Mistake.MISSING_VALUE)
        paths = entries.get("paths")
        if paths is not None and isinstance(paths.value, list):
            written = [_path_of(item) for item in paths.value]
            yield from (flaw._replace(path=("paths", *flaw.path)) for flaw in rules.repeated(written))


def _path_of(item: Node) -> str | None:
    found = item.below("path") if isinstance(item.value, dict) else item
    return found.value if found is not None and isinstance(found.value, str) else None
