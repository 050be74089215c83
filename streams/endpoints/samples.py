"""A sample export: what a destination asked for, of a profile that does not exist and says so."""

from __future__ import annotations

import msgspec

from streams.activation.events import Status
from streams.activation.profiles import Memberships, MembershipSlot
from streams.activation.projection import Projection
from streams.destinations import Destination
from streams.exports import Export, Meta, Position

SAMPLE = "streams-sample"
"""The profile's id, its identity and its namespace, and the value of its attributes."""

_encode = msgspec.json.encode


def sample_of(destination: Destination, *, id_: str, now_ms: int) -> Export:
    """Return an export with every mapped attribute and segment, the profile being in all of them since *now_ms*."""
    position = Position(SAMPLE, 0, 0, now_ms)
    projection = Projection(destination)
    values = [_text_for(*attribute.source) for attribute in projection.attributes]
    memberships = _memberships(destination, position)
    body, _ = projection.body(values, memberships, _identities(destination), changed=(), now_ms=now_ms)
    meta = Meta(destination.version, revision=now_ms, trigger=SAMPLE, source=position.text)
    return Export(SAMPLE, 0, 0, now_ms, SAMPLE.encode(), body, id_, meta)


def _memberships(destination: Destination, position: Position) -> Memberships:
    slot = MembershipSlot(Status.REALIZED, position.timestamp * 1000, position)
    memberships: dict[str, dict[str, MembershipSlot]] = {}
    for segment in destination.segments:
        memberships.setdefault(segment.namespace, {})[segment.id] = slot
    return memberships


def _identities(destination: Destination) -> bytes:
    """Return an identity in each namespace that is selected or required; in one of its own where all are sent."""
    selected = (SAMPLE,) if destination.identities is None else [each.namespace for each in destination.identities]
    namespaces = dict.fromkeys([*selected, *destination.required_identities])
    return b"{" + b",".join(_encode(each) + b':[{"id":' + _text_for(each) + b"}]" for each in namespaces) + b"}"


def _text_for(*names: str) -> bytes:
    """Return a text, an address where one is expected: endpoints check those."""
    is_address = any("email" in name.lower() for name in names)
    return f'"{SAMPLE}@example.com"'.encode() if is_address else f'"{SAMPLE}"'.encode()
