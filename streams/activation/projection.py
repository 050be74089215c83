"""What one destination gets to see of a profile: what is mapped and selected for it as a body, nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from streams.activation.attributes import Attributes
from streams.activation.events import Status
from streams.activation.identities import union
from streams.activation.paths import Paths
from streams.activation.profiles import EXITED_KEPT_MS, Memberships
from streams.activation.selections import Selection
from streams.activation.timestamps import render_time
from streams.activation.unions import Values
from streams.destinations import Attribute, Destination

Segment = tuple[str, str]
"""Namespace and segment id."""

_IDENTITIES = ("identityMap",)
_name = msgspec.json.encode
_Ends = Mapping[Status, bytes]
"""By status what the entry of a membership ends with, from behind its time."""


class Projection:
    """A destination's part of any profile, compiled once.

    Raises ValueError if two attributes collide in the body, or one takes the place of what is no attribute.
    """

    def __init__(self, destination: Destination) -> None:
        self._mapped = Attributes(destination.attributes, destination.absent)
        self.attributes: tuple[Attribute, ...] = self._mapped.all
        """The mapped attributes, in the order of the body."""
        self._mandatory = [place for place, attribute in enumerate(self.attributes) if attribute.mandatory]
        self._keys = Attributes([each for each in self.attributes if each.deduplication_key], destination.absent)
        self._key_places = [self.attributes.index(each) for each in self._keys.all]
        self._said = Paths([*(each.target for each in self._keys.all), _IDENTITIES])
        self.selection = Selection(destination.identities, destination.required_identities)
        """Which identities it is sent, and which an entry waits for."""
        words = {Status.EXISTING: Status.REALIZED} if destination.status == "ga" else {}
        ends = {status: b'","status":"' + words.get(status, status).encode() + b'"}' for status in Status}
        self._segments: dict[str, dict[str, tuple[int, bytes, _Ends]]] = {}
        """Per mapped segment its place, and what its entry begins and ends with, around the time."""
        for place, segment in enumerate(destination.segments):
            start = _name(segment.id) + b':{"lastQualificationTime":"'
            entry = place, start, _with(destination.told_of(segment), ends)
            self._segments.setdefault(segment.namespace, {}).setdefault(segment.id, entry)

    def is_complete(self, values: Values) -> bool:
        """Whether every mandatory attribute has a value; null is none, nor is what should be hashed and cannot be."""
        return not self._mandatory or not self.missing(values)

    def missing(self, values: Values) -> list[Attribute]:
        """Return the mandatory attributes that have no value."""
        sent = self._mapped.sent(values)
        return [self.attributes[place] for place in self._mandatory if sent[place] in (None, b"null")]

    @property
    def makes_wait(self) -> bool:
        """Whether there is anything that an entry may have to wait for."""
        return bool(self._mandatory or self.selection.required)

    @property
    def hashes(self) -> bool:
        """Whether an attribute is hashed."""
        return self._mapped.hashes

    def sent(self, values: Values) -> Values:
        """Return what is sent of *values*, those of ``attributes``: hashed where that is asked, None where absent."""
        return self._mapped.sent(values)

    def differ(self, one: Values, other: Values) -> bool:
        """Whether something else is sent of the one values than of the others."""
        return self._mapped.differ(one, other)

    def body(
        self,
        values: Values,
        memberships: Memberships,
        identities: bytes | None,
        *,
        changed: Collection[Segment],
        now_ms: int,
    ) -> tuple[bytes, bool]:
        """Return the body (attributes, memberships, identities), and whether it says "in" of any segment.

        *values* are those of ``attributes`` and *identities* the profile's, as they are known: what is selected,
        renamed and hashed of them is so here. Memberships go in the order in which the destination names its
        segments; an exit older than 30 days stays away unless it is among the *changed*.
        """
        segments, inside = self._memberships(memberships, changed, now_ms - EXITED_KEPT_MS)
        mapped, selection = self._mapped, self.selection
        attributes = mapped.text(mapped.sent(values) if mapped.hashes else values)
        return _body(attributes, segments, identities if selection.is_all else selection.sent(identities)), inside

    def withdrawal(
        self,
        values: Values,
        memberships: Memberships,
        identities: bytes | None,
        *,
        changed: Collection[Segment],
        now_ms: int,
        said: bytes | None = None,
    ) -> bytes:
        """Return the body that takes a profile back: *memberships*, all exited, and identities, as ``body`` has them.

        Of *values* it carries the deduplication keys, at their targets, and no other attribute. What is not known any
        more may have been *said* to the destination (``said_by``).
        """
        segments, _ = self._memberships(memberships, changed, now_ms - EXITED_KEPT_MS)
        keys, known = self._keys.sent([values[place] for place in self._key_places]), self.selection.sent(identities)
        if said is not None:
            keys, known = self._with_said(keys, known, said)
        return _body(self._keys.text(keys), segments, known)

    def said_by(self, body: bytes) -> bytes:
        """Return what of an earlier *body* a withdrawal may still say, without memberships, as a JSON object.

        Attributes count by their targets, identities by theirs: the body is of some earlier version of the destination.
        """
        keys, known = self._with_said([None] * len(self._keys.all), None, body)
        return _body(self._keys.text(keys), b"", known)

    def _with_said(self, keys: Values, known: bytes | None, said: bytes) -> tuple[Values, bytes | None]:
        """Return keys and identities as they are sent, with what was said of those that are not known."""
        found = dict(zip(self._said.paths, self._said.read(said), strict=True))
        again = self._keys.sent_again([found[attribute.target] for attribute in self._keys.all])
        maps = [text for text in (known, self.selection.sent_again(found[_IDENTITIES])) if text is not None]
        return [one or other for one, other in zip(keys, again, strict=True)], union(maps)

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
                shown.append((known[0], known[1] + render_time(slot.shown_us) + known[2][slot.status]))
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


def _body(attributes: bytes, memberships: bytes, identities: bytes | None) -> bytes:
    parts = [part for part in (attributes, memberships) if part]
    if identities is not None:
        parts.append(b'"identityMap":' + identities)
    return b"{" + b",".join(parts) + b"}"
