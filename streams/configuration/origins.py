"""Where each setting comes from: a line of the file, a variable of the environment, or else it is the default."""

from __future__ import annotations

from streams.configuration.fields import Model, leaves, section_of, spelling, spellings
from streams.configuration.located import Node

DEFAULT = "default"


def origins(model: type[Model], node: Node) -> dict[str, str]:
    """Return by dotted name where each setting of *model* stands in *node*, the file with the environment above it."""
    return {".".join(leaf.path): _origin(model, node, leaf.path) for leaf in leaves(model)}


def _origin(model: type[Model], node: Node, path: tuple[str, ...]) -> str:
    """Return where the value at *path* stands; a section that is written out without it leaves it at its default."""
    for key in path:
        accepted = spellings(model)
        entries = node.value if isinstance(node.value, dict) else {}
        found = next((each for written, each in entries.items() if accepted.get(written) == key), None)
        if found is None:
            return DEFAULT
        node = found
        model = _section(model, key) or model
    return node.where


def _section(model: type[Model], key: str) -> type[Model] | None:
    fields = model.model_fields.items()
    return next((section_of(info) for name, info in fields if spelling(name, info) == key), None)
