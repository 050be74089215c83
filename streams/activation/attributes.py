"""Writes a destination's mapped attributes as the first members of a body: those that are there, hashed where asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from streams.activation.hashing import hashed_once, hashed_value
from streams.activation.merging import same_value
from streams.activation.unions import Values
from streams.destinations import Attribute

RESERVED = frozenset({"segmentMembership", "identityMap"})
"""Top-level names of a body that no attribute may take."""

MAX_TEMPLATES = 1_024
"""Templates kept per destination: one per combination of present attributes, and records vary that at will."""

_name = msgspec.json.encode
_Tree = dict[str, Any]
"""Nested names of the body; a leaf is an attribute."""


class Attributes:
    """A set of attributes, compiled; values are those of ``all``, in their order.

    Raises ValueError if two collide in the body, or one takes the place of what is no attribute.
    """

    def __init__(self, attributes: Sequence[Attribute], absent: Literal["omit", "null"]) -> None:
        self._absent = b"null" if absent == "null" else None
        self._tree = _tree_of(attributes)
        self.all: tuple[Attribute, ...] = tuple(_leaves(self._tree))
        """In the order of the body."""
        self._hashed = tuple([place for place, attribute in enumerate(self.all) if attribute.hash is not None])
        self.hashes = bool(self._hashed)
        """Whether any is hashed."""
        self._templates: dict[tuple[bool, ...], bytes] = {}

    def sent(self, values: Values) -> Values:
        """Return what is sent of *values*; what cannot be hashed is as absent."""
        if not self._hashed:
            return values
        sent = list(values)
        for place in self._hashed:
            value = sent[place]
            sent[place] = None if value is None else hashed_value(value)
        return sent

    def sent_again(self, sent: Values) -> Values:
        """Return what is sent of what was sent before at the same targets, perhaps hashed then, perhaps not."""
        again = [None if value == b"null" else value for value in sent]
        for place in self._hashed:
            value = again[place]
            again[place] = None if value is None else hashed_once(value)
        return again

    def differ(self, one: Values, other: Values) -> bool:
        """Whether something else is sent of the one values than of the others."""
        pairs = zip(self.sent(one), self.sent(other), strict=True)
        return not all(same_value(before, now) for before, now in pairs)

    def text(self, sent: Values) -> bytes:
        """Return the members, without braces, for what is *sent* of values."""
        present = tuple([value is not None for value in sent])
        template = self._templates.get(present)
        if template is None:
            if len(self._templates) >= MAX_TEMPLATES:
                self._templates.clear()
            template = self._templates[present] = _template(self._tree, iter(present), self._absent)
        return template % tuple([value for value in sent if value is not None])


def _tree_of(attributes: Sequence[Attribute]) -> _Tree:
    tree: _Tree = {}
    for attribute in attributes:
        *middle, leaf = attribute.target
        node: Any = tree
        for name in middle:
            node = node.setdefault(name, {})
            if not isinstance(node, dict):
                raise ValueError(f"the target {'.'.join(attribute.target)} lies below that of another attribute")
        if leaf in node:
            raise ValueError(f"the target {'.'.join(attribute.target)} is taken by another attribute")
        node[leaf] = attribute
    if taken := RESERVED & tree.keys():
        raise ValueError(f"no attribute may go to {', '.join(sorted(taken))}")
    return tree


def _leaves(tree: _Tree) -> Iterator[Attribute]:
    for node in tree.values():
        if isinstance(node, dict):
            yield from _leaves(node)
        else:
            yield node


def _template(tree: _Tree, present: Iterator[bool], absent: bytes | None) -> bytes:
    """Return the members of *tree* as JSON, with ``%b`` for each attribute that is present."""
    members = []
    for name, node in tree.items():
        text: bytes | None
        if isinstance(node, dict):
            text = b"{" + below + b"}" if (below := _template(node, present, absent)) else None
        else:
            text = b"%b" if next(present) else absent
        if text is not None:
            members.append(_name(name).replace(b"%", b"%%") + b":" + text)
    return b",".join(members)
