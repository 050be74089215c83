"""Lays the environment over a file: every setting also has a name there, made from its place in the schema."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import BaseModel

from streams.codes import Mistake
from streams.configuration.fields import PREFIX, Leaf, leaves, section_of, spelling, spellings
from streams.configuration.located import Node, read
from streams.configuration.problems import Problem, nearest

SECRET_PREFIX = f"{PREFIX}SECRET_"
"""What begins so is a secret that documents may refer to, never a setting."""

_SERVICE_LINK = re.compile(
    r"STREAMS_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
"""What Kubernetes puts into each pod for a service whose name begins with ``streams``: nobody's typing error."""


def overlay(model: type[BaseModel], node: Node, environ: Mapping[str, str], problems: list[Problem]) -> Node:
    """Return *node* with the values of *environ* in the place of its own; unknown names of ours are problems."""
    by_name = {leaf.environment: leaf for leaf in leaves(model)}
    for name in sorted(environ):
        leaf = by_name.get(name)
        if leaf is not None:
            node = _replaced(model, node, leaf.path, _value(leaf, environ[name], problems))
        elif _looks_like_ours(name):
            remedy = _remedy(name, list(by_name))
            problems.append(Problem(name, "is not a known setting", remedy, code=Mistake.UNKNOWN_KEY))
    return node


def _looks_like_ours(name: str) -> bool:
    return name.startswith(PREFIX) and not name.startswith(SECRET_PREFIX) and not _SERVICE_LINK.fullmatch(name)


def _remedy(name: str, known: list[str]) -> str:
    close = nearest(name.removeprefix(PREFIX), [other.removeprefix(PREFIX) for other in known])
    return f"did you mean {PREFIX}{close}?" if close else "remove it, or see the list of settings"


def _value(leaf: Leaf, text: str, problems: list[Problem]) -> Node:
    """Return *text* as the field wants it: as it is, as a YAML scalar, or as a YAML list or mapping if it looks so."""
    marks = ("[", "- ") if leaf.is_list else ("{",) if leaf.is_mapping else ()
    is_yaml = text.lstrip().startswith(marks) or (not leaf.is_list and (leaf.is_typed or not text))
    if not is_yaml:
        return Node(leaf.environment, text)
    found = read(text, lambda _: leaf.environment, problems)
    return found[0] if found else Node(leaf.environment, None)


def _replaced(model: type[BaseModel], node: Node, path: tuple[str, ...], value: Node) -> Node:
    """Return *node* with *value* at *path*; a section that is no mapping is left for the validation to refuse."""
    if not path:
        return value
    entries = {} if node.value is None else node.value
    if not isinstance(entries, dict):
        return node
    accepted = spellings(model)
    key = next((key for key in entries if accepted.get(key) == path[0]), path[0])
    below = entries.get(key, Node(value.where, {}))
    section = _section(model, path[0])
    changed = value if section is None else _replaced(section, below, path[1:], value)
    return Node(node.where, {**entries, key: changed})


def _section(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    return next((section_of(info) for name, info in model.model_fields.items() if spelling(name, info) == key), None)
