"""Validates a located value against a model; every problem is told with its place, none stops the search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn, TypeVar, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from streams.codes import Mistake
from streams.configuration.fields import Model, model_within, spelling, spellings
from streams.configuration.located import Node
from streams.configuration.problems import Flaw as Flaw
from streams.configuration.problems import Problem, dotted, shortened, shown, suggestion

M = TypeVar("M", bound=Model)

_FLAWS = "flaws"
_BRANCH = "<"
"""Begins the tag of a union's branch, which is part of an error's path but of nobody's file."""
_NO_KEYS = frozenset({"[key]"})
"""What ends the path of a problem with a key itself."""


def refuse(flaws: Iterable[Flaw]) -> None:
    """Make a validator fail if there are any *flaws*; each becomes a problem of its own."""
    found = list(flaws)
    if found:
        _fail(found)


def _fail(flaws: list[Flaw]) -> NoReturn:
    text = ", ".join(f"{flaw.what}; {flaw.remedy}" for flaw in flaws)
    raise PydanticCustomError(_FLAWS, "{text}", {"text": text, _FLAWS: flaws})


def keyed(key: str, value: object) -> dict[str, Any]:
    """Take a text for a mapping that holds nothing but *key*."""
    if isinstance(value, str):
        return {key: value}
    if not isinstance(value, dict):
        _fail([Flaw("", expected("a text or a mapping", value))])
    return value


def validate(model: type[M], node: Node, problems: list[Problem], context: Mapping[str, Any] | None = None) -> M | None:
    """Return *node* as a *model*, or None with what is wrong added to *problems*."""
    known = len(problems)
    tidy = _spelt(model, node, (), problems)
    try:
        valid = model.model_validate(tidy.plain(), context=dict(context or {}))
    except ValidationError as error:
        for details in error.errors(include_url=False):
            problems.extend(_problems(details, tidy))
        return None
    return valid if len(problems) == known else None


def _spelt(annotation: Any, node: Node, path: tuple[str | int, ...], problems: list[Problem]) -> Node:
    """Return *node* with each key spelt the one way, without unknown ones; those are problems."""
    model = model_within(annotation)
    if model is None or node.refused:
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
    model: type[Model],
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
        if alias is None and not entry.refused:
            remedy = suggestion(key, list(annotations))
            what = "is not a known key"
            problems.append(Problem(entry.where, what, remedy, dotted((*path, key)), Mistake.UNKNOWN_KEY))
        elif alias is None:
            continue
        elif alias in spelt:
            what = f"is here twice, as {alias!r} at {spelt[alias].where}"
            problems.append(Problem(entry.where, what, "keep one of the two", dotted((*path, key)), Mistake.SYNTAX))
        else:
            spelt[alias] = _spelt(annotations[alias], entry, (*path, alias), problems)
    for alias in annotations.keys() - spelt.keys():
        if model_within(annotations[alias]) is annotations[alias]:
            spelt[alias] = _spelt(annotations[alias], Node(node.where, None), (*path, alias), problems)
    whole = Node(node.where, spelt)
    problems += (
        Problem(whole.at(flaw.path).where, flaw.what, flaw.remedy, dotted((*path, *flaw.path)), flaw.code)
        for flaw in model.flaws_between(spelt)
    )
    return spelt


def _problems(details: ErrorDetails, node: Node) -> Iterator[Problem]:
    path = tuple(part for part in details["loc"] if part not in _NO_KEYS and not str(part).startswith(_BRANCH))
    flaws = [Flaw("", _remedy(details))]
    if details["type"] == "missing":
        flaws = [Flaw("is missing", _remedy(details), code=Mistake.MISSING_VALUE)]
    if details["type"] == _FLAWS:
        flaws = details["ctx"][_FLAWS]
    for flaw in flaws:
        below = (*path, *flaw.path)
        found = node.at(below)
        if not found.refused:
            what = flaw.what or f"came {_as_written(found, details['input'])}"
            yield Problem(found.where, what, flaw.remedy, dotted(below), flaw.code)


def _as_written(found: Node, value: object) -> str:
    """Return *value* as it is shown; a number, and true and false, as they stand at *found*."""
    is_there = isinstance(value, int | float) and found.value == value and found.written
    return shortened(found.written) if is_there else shown(value)


_REMEDIES: Mapping[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: "give it a value",
    "string_type": lambda found: expected("a text", found["input"]),
    "int_type": lambda _: "expected a whole number",
    "int_from_float": lambda _: "expected a whole number",
    "float_type": lambda _: "expected a number",
    "bool_type": lambda _: "expected true or false",
    "tuple_type": lambda found: f"expected a list, such as {'[a, b]' if found['input'] is not None else '[]'}",
    "model_type": lambda _: "expected a mapping",
    "path_type": lambda found: expected("a path", found["input"]),
    "literal_error": lambda found: f"expected {found['ctx']['expected']}",
    "greater_than": lambda found: f"expected more than {found['ctx']['gt']:.15g}",
    "greater_than_equal": lambda found: f"expected at least {found['ctx']['ge']:.15g}",
    "less_than_equal": lambda found: f"expected at most {found['ctx']['le']:.15g}",
}


def expected(what: str, value: object) -> str:
    """Return the remedy where a text was expected and *value* came: a number, true or false may be meant as one."""
    return f"expected {what}" + ("; put it in quotes" if isinstance(value, int | float) else "")


def _remedy(details: ErrorDetails) -> str:
    remedy = _REMEDIES.get(details["type"])
    return remedy(details) if remedy else details["msg"][:1].lower() + details["msg"][1:]
