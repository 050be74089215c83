"""Validates a located value against a model; every problem is told with its place, none stops the search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, NoReturn, TypeVar, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from streams.configuration.fields import model_within, spelling, spellings
from streams.configuration.located import Node
from streams.configuration.problems import Problem, dotted, shown, suggestion

M = TypeVar("M", bound=BaseModel)

_FLAWS = "flaws"
_BRANCH = "<"
"""Begins the tag of a union's branch, which is part of an error's path but of nobody's file."""
_NO_KEYS = frozenset({"[key]"})
"""What ends the path of a problem with a key itself."""


class Flaw(NamedTuple):
    """What one of our own rules found; *path* is relative to the value that was looked at."""

    what: str
    remedy: str
    path: tuple[str | int, ...] = ()


def refuse(flaws: Iterable[Flaw]) -> None:
    """Make a validator fail if there are any *flaws*; each becomes a problem of its own."""
    found = list(flaws)
    if found:
        _fail(found)


def _fail(flaws: list[Flaw]) -> NoReturn:
    text = ", ".join(f"{flaw.what}; {flaw.remedy}" for flaw in flaws)
    raise PydanticCustomError(_FLAWS, "{text}", {"text": text, _FLAWS: flaws})


def validate(model: type[M], node: Node, problems: list[Problem], context: Mapping[str, Any] | None = None) -> M | None:
    """Return *node* as a *model*, or None with what is wrong added to *problems*."""
    known = len(problems)
    tidy = _spelt(model, node, (), problems)
    errors: list[ErrorDetails] = []
    try:
        valid = model.model_validate(tidy.plain(), context=dict(context or {}))
    except ValidationError as error:
        errors = error.errors(include_url=False)
    for details in errors:
        problems.extend(_problems(details, tidy))
    return valid if len(problems) == known else None


def _spelt(annotation: Any, node: Node, path: tuple[str | int, ...], problems: list[Problem]) -> Node:
    """Return *node* with each key spelt the one way, without unknown ones; those are problems."""
    model = model_within(annotation)
    if model is None:
        return node
    if isinstance(node.value, list):
        items = [_spelt(model, item, (*path, index), problems) for index, item in enumerate(node.value)]
        return Node(node.where, items)
    if isinstance(node.value, dict) and get_origin(annotation) is dict:
        return Node(node.where, {k: _spelt(model, item, (*path, k), problems) for k, item in node.value.items()})
    if isinstance(node.value, dict):
        return Node(node.where, _entries(model, node, node.value, path, problems))
    if node.value is None and annotation is model:  # all the lines of the section are commented out
        return Node(node.where, _entries(model, node, {}, path, problems))
    return node


def _entries(
    model: type[BaseModel],
    node: Node,
    entries: dict[str, Node],
    path: tuple[str | int, ...],
    problems: list[Problem],
) -> dict[str, Node]:
    """Return the entries of *node* by their one spelling; a section that is not there is an empty one."""
    accepted = spellings(model)
    annotations = {spelling(name, info): info.annotation for name, info in model.model_fields.items()}
    spelt: dict[str, Node] = {}
    for key, entry in entries.items():
        alias = accepted.get(key)
        if alias is None:
            remedy = suggestion(key, list(annotations))
            problems.append(Problem(entry.where, "is not a known key", remedy, dotted((*path, key))))
        elif alias in spelt:
            what = f"is here twice, as {alias!r} at {spelt[alias].where}"
            problems.append(Problem(entry.where, what, "keep one of the two", dotted((*path, key))))
        else:
            spelt[alias] = _spelt(annotations[alias], entry, (*path, alias), problems)
    for alias in annotations.keys() - spelt.keys():
        if model_within(annotations[alias]) is annotations[alias]:
            spelt[alias] = _spelt(annotations[alias], Node(node.where, None), (*path, alias), problems)
    return spelt


def _problems(details: ErrorDetails, node: Node) -> Iterable[Problem]:
    path = tuple(part for part in details["loc"] if part not in _NO_KEYS and not str(part).startswith(_BRANCH))
    context = details.get("ctx", {})
    if details["type"] != _FLAWS:
        flaw = Flaw(_what(details), _remedy(details["type"], context, details["msg"]))
        return [_problem(flaw, path, node)]
    return [_problem(flaw, (*path, *flaw.path), node) for flaw in context[_FLAWS]]


def _problem(flaw: Flaw, path: tuple[str | int, ...], node: Node) -> Problem:
    return Problem(node.at(path).where, flaw.what, flaw.remedy, dotted(path))


def _what(details: ErrorDetails) -> str:
    return "is missing" if details["type"] == "missing" else f"came {shown(details['input'])}"


_REMEDIES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "give it a value",
    "string_type": lambda _: "expected a text (quote what looks like a number)",
    "int_type": lambda _: "expected a whole number",
    "int_from_float": lambda _: "expected a whole number",
    "float_type": lambda _: "expected a number",
    "bool_type": lambda _: "expected true or false",
    "tuple_type": lambda _: "expected a list",
    "dict_type": lambda _: "expected a mapping",
    "model_type": lambda _: "expected a mapping",
    "model_attributes_type": lambda _: "expected a mapping",
    "path_type": lambda _: "expected a path",
    "literal_error": lambda context: f"expected {context['expected']}",
    "greater_than": lambda context: f"expected more than {context['gt']}",
    "greater_than_equal": lambda context: f"expected at least {context['ge']}",
    "less_than": lambda context: f"expected less than {context['lt']}",
    "less_than_equal": lambda context: f"expected at most {context['le']}",
}


def _remedy(kind: str, context: Mapping[str, Any], message: str) -> str:
    remedy = _REMEDIES.get(kind)
    return remedy(context) if remedy else message[:1].lower() + message[1:]
