"""Settings that must not be seen: a reference to each stands in the file; in the environment, itself may stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import BaseModel, InstanceOf, PlainSerializer

from streams.configuration.fields import Leaf, leaves, section_of, spelling, spellings
from streams.configuration.located import Node
from streams.configuration.problems import ConfigurationError, Problem
from streams.configuration.references import References, holds_reference
from streams.secrets import Secret

Unseen = Annotated[InstanceOf[Secret], PlainSerializer(str)]


def with_secrets(
    model: type[BaseModel], node: Node, environ: Mapping[str, str], base: Path, problems: list[Problem]
) -> Node:
    """Return the settings *node* with its secrets in the places of what refers to them; no message shows either.

    A secret may stand itself in the environment variable of its setting, and nowhere else: a place in a file, which
    ends with a line, is never called so. One that cannot be had is a problem, and taken for given.
    """
    directory = node.at(("secrets", "directory")).value
    references = References(environ, base / directory if isinstance(directory, str) else None)
    for leaf in leaves(model):
        if _is_unseen(leaf.info.annotation):
            node = _with_secret(model, node, leaf, references, problems)
    return node


def _is_unseen(annotation: Any) -> bool:
    return annotation is Secret or any(map(_is_unseen, get_args(annotation)))


def _with_secret(
    model: type[BaseModel], node: Node, leaf: Leaf, references: References, problems: list[Problem]
) -> Node:
    """Return *node* with the secret of one *leaf*, which stands in a section."""
    section, key = leaf.path
    found = node.below(section)
    if found is None or not isinstance(found.value, dict) or not isinstance(node.value, dict):
        return node
    accepted = next(spellings(it) for name, info in model.model_fields.items() if (it := _called(section, name, info)))
    entries = {
        written: _resolved(entry, leaf, references, problems) if accepted.get(written) == key else entry
        for written, entry in found.value.items()
    }
    return Node(node.where, {**node.value, section: Node(found.where, entries)})


def _called(section: str, name: str, info: Any) -> type[BaseModel] | None:
    return section_of(info) if spelling(name, info) == section else None


def _resolved(entry: Node, leaf: Leaf, references: References, problems: list[Problem]) -> Node:
    value = entry.value
    if value is None:
        return entry
    if isinstance(value, str) and entry.where == leaf.environment and not holds_reference(value):
        return Node(entry.where, Secret(value))
    try:
        secret = references.resolve(value if isinstance(value, str) else "", entry.where)
    except ConfigurationError as error:
        problems.extend(replace(each, key=".".join(leaf.path)) for each in error.problems)
        secret = Secret("")
    return Node(entry.where, secret)
