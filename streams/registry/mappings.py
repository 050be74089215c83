"""When a destination came to map each of its segments, and when that was last changed: what its versions remember.

A version of an older release remembers none: what it mapped has no time until its item changes. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from streams.destinations import UPS
from streams.registry.records import Mapped, Mappings

Document = Mapping[str, Any]
_Segments = dict[tuple[str, str], Document]
"""By namespace and id the item of a mapped segment, with its namespace written out."""


def mapped_at(base: Document, known: Mappings, document: Document, at: int) -> Mappings:
    """Return the times of what *document* maps, in milliseconds, where it follows *base* at the time *at*.

    *known* are those of *base*. A segment that was not mapped there is mapped since *at*, also where it once was.
    """
    before = _segments(base)
    times: Mappings = {}
    for (namespace, segment_id), item in _segments(document).items():
        its = known.get(namespace, {}).get(segment_id)
        found = before.get((namespace, segment_id))
        if found is None:
            its = Mapped(created_at=at, updated_at=at)
        elif found != item:
            its = Mapped(created_at=None if its is None else its.created_at, updated_at=at)
        if its is not None:
            times.setdefault(namespace, {})[segment_id] = its
    return times


def _segments(document: Document) -> _Segments:
    return {(item["namespace"], item["id"]): item for item in _items(document.get("segments"))}


def _items(segments: Any) -> Iterator[dict[str, Any]]:
    """Yield the items in full; what is none, in a document that another release may have written, is left out."""
    for item in segments if isinstance(segments, list | tuple) else ():
        full = {"namespace": UPS, **item} if isinstance(item, dict) else {"namespace": UPS, "id": item}
        if isinstance(full["namespace"], str) and isinstance(full.get("id"), str):
            yield full
