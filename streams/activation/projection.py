"""What one destination gets to see of a profile: its mapped attributes and segments as a body, nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from streams.activation.events import Status
from streams.activation.profiles import Memberships
from streams.activation.timestamps import render_time
from streams.destinations import Attribute, Destination

EXITED_KEPT_MS = 30 * 24 * 60 * 60 * 1000
"""How long an exit stays in the exports, from the timestamp of the record that wrote it."""

RESERVED = frozenset({"segmentMembership", "identityMap"})
"""Top-level names of a body that no attribute may take."""

MAX_TEMPLATES = 1_024
"""Templates kept per destination: one per combination of present attributes, and records vary that at will."""

Segment = tuple[str, str]
"""Namespace and segment id."""

_name = msgspec.json.encode
_Tree = dict[str, Any]
"""Nested names of the body; a leaf is an attribute."""
_Ends = Mapping[Status, bytes]
"""By status what the entry of a membership ends with, from behind its time."""


class Projection:
    """A destination's part of any profile, compiled once.

    Raises ValueError if two attributes collide in the body, or one takes the place of what is no attribute.
    """

    def __init__(self, destination: Destination) -> None:
        self._absent = b"null" if destination.absent == "null" else None
        self._tree = _tree_of(destination.attributes)
        self.attributes: tuple[Attribute, ...] = tuple(_leaves(self._tree))
        """The mapped attributes, in the order of the body."""
        self._mandatory = [place for place, attribute in enumerate(self.attributes) if attribute.mandatory]
        self._templates: dict[tuple[bool, ...], bytes] = {}
        words = {Status.EXISTING: Status.REALIZED} if destination.status == "ga" else {}
        ends = {status: b'","status":"' + words.get(status, status).encode() + b'"}' for status in Status}
        self._segments: dict[str, dict[str, tuple[int, bytes, _Ends]]] = {}
        """Per mapped segment its place, and what its entry begins and ends with, around the time."""
        for place, segment in enumerate(destination.segments):
            start = _name(segment.id) + b':{"lastQualificationTime":"'
            entry = place, start, _with(destination.told_of(segment), ends)
            self._segments.setdefault(segment.namespace, {}).setdefault(segment.id, entry)

    def is_complete(self, values: Sequence[bytes | None]) -> bool:
        """Whether every mandatory attribute has a value; null is none."""
        return all(values[place] not in (None, b"null") for place in self._mandatory)

    def missing(self, values: Sequence[bytes | None]) -> list[Attribute]:
        """Return the mandatory attributes that have no value."""
        return [self.attributes[place] for place in self._mandatory if values[place] in (None, b"null")]

    def body(
        self,
        values: Sequence[bytes | None],
        memberships: Memberships,
        identities: bytes | None,
        *,
        changed: Collection[Segment],
        now_ms: int,
    ) -> tuple[bytes, bool]:
        """Return the body (attributes, memberships, identities), and whether it says "in" of any segment.

        *values* are those of ``attributes``. Memberships go in the order in which the destination names its
        segments; an exit older than 30 days stays away unless it is among the *changed*.
        """
        segments, inside = self._memberships(memberships, changed, now_ms - EXITED_KEPT_MS)
        attributes = self._attributes(values)
        parts = [attributes, segments] if attributes else [segments]
        if identities is not None:
            parts.append(b'"identityMap":' + identities)
        return b"{" + b",".join(parts) + b"}", inside

    def withdrawal(
        self, memberships: Memberships, identities: bytes | None, *, changed: Collection[Segment], now_ms: int
    ) -> bytes:
        """Return the body that takes a profile back: *memberships*, all exited, and identities, but no attribute."""
        segments, _ = self._memberships(memberships, changed, now_ms - EXITED_KEPT_MS)
        return b"{" + segments + (b"" if identities is None else b',"identityMap":' + identities) + b"}"

    def _attributes(self, values: Sequence[bytes | None]) -> bytes:
        present = tuple([value is not None for value in values])
        template = self._templates.get(present)
        if template is None:
            if len(self._templates) >= MAX_TEMPLATES:
                self._templates.clear()
            template = self._templates[present] = _template(self._tree, iter(present), self._absent)
        return template % tuple([value for value in values if value is not None])

    def _memberships(self, memberships: Memberships, changed: Collection[Segment], oldest: int) -> tuple[bytes, bool]:
        namespaces, inside = [], False
        for namespace, mapped in self._segments.items():
            slots = memberships.get(namespace)
            if not slots:
                continue
            shown = []
            for segment_id in mapped if len(mapped) < len(slots) else slots:  # at the cost of the smaller of both
                slot, known = slots.get(segment_id), mapped.get(segment_id)
                if slot is None or known is None:
                    continue
                if slot.status is not Status.EXITED:
                    inside = True
                elif slot.position.timestamp < oldest and (namespace, segment_id) not in changed:
                    continue
                shown.append((known[0], known[1] + render_time(slot.time_us) + known[2][slot.status]))
            if shown:
                shown.sort()
                namespaces.append(_name(namespace) + b":{" + b",".join([text for _, text in shown]) + b"}")
        return b'"segmentMembership":{' + b",".join(namespaces) + b"}", inside


def _with(told: Mapping[str, Any], ends: _Ends) -> _Ends:
    """Return what the entries of a segment end with that says something beside; the same *ends* for all others."""
    if not told:
        return ends
    members = b",".join([_name(key) + b":" + _name(value) for key, value in told.items()])
    return {status: end[:-1] + b"," + members + b"}" for status, end in ends.items()}


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
