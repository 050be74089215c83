"""What a record of the demo says, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from streams.demo.sample import Record
from streams.destinations import Destination

VERBS = {"realized": "enters", "existing": "is in", "exited": "leaves"}
CUT_OFF = "a record that is cut off"


def segment_names(destinations: Iterable[Destination]) -> dict[str, str]:
    """Return the names of segments by id, as the documents give them."""
    return {each.id: each.name or each.id for destination in destinations for each in destination.segments}


def told(record: Record, names: Mapping[str, str]) -> str:
    """Say what *record* tells of its profile."""
    try:
        value = msgspec.json.decode(record.bytes)
    except msgspec.DecodeError:
        return CUT_OFF
    return ", ".join(_changes(value, names)) or f"profile, {_leaves(value)} attributes"


def _changes(value: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    for segments in value.get("segmentMembership", {}).values():
        for segment, membership in segments.items():
            yield f"{VERBS[membership['status']]} {names.get(segment, segment)}"


def _leaves(value: object) -> int:
    """Return how many attributes a profile has; its identities are none."""
    if not isinstance(value, Mapping):
        return 1
    return sum(_leaves(each) for name, each in value.items() if name != "identityMap")
