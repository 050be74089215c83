"""A destination remembers since when it maps each segment, and when that was last changed, whatever else changes."""

from __future__ import annotations

from typing import Any

import orjson
from msgspec.structs import replace

from streams.configuration.stored import stored_without_secrets
from streams.registry import edits
from streams.registry.edits import Author
from streams.registry.records import Mapped, Version, convert, encode
from tests.registry.versions import CRM

CREATED, CHANGED, LATER = (Author("ann@desk", at) for at in (1_000, 2_000, 3_000))


def mapping(*segments: Any) -> dict[str, Any]:
    return {**CRM, "segments": list(segments)}


def times(version: Version) -> dict[str, tuple[int | None, int | None]]:
    """Return what the destination of *version* says of its segments, through the topic and back."""
    again = convert(orjson.loads(encode(version)))
    assert again is not None
    segments = stored_without_secrets(again).segments
    return {f"{s.namespace}:{s.id}": (s.mapping_created_at, s.mapping_updated_at) for s in segments}


def test_what_is_created_maps_its_segments_since_then() -> None:
    version = edits.created(None, mapping("a", {"id": "a", "namespace": "own"}), None, CREATED)

    assert times(version) == {"ups:a": (1_000, 1_000), "own:a": (1_000, 1_000)}


def test_a_segment_that_is_added_or_changed_has_the_time_of_that_change_and_the_others_keep_theirs() -> None:
    first = edits.created(None, mapping("a", "b"), None, CREATED)
    second = edits.changed(first, mapping({"id": "b", "name": "Readers"}, "c", "a"), None, CHANGED)

    assert times(second) == {"ups:b": (1_000, 2_000), "ups:c": (2_000, 2_000), "ups:a": (1_000, 1_000)}
    assert times(first) == {"ups:a": (1_000, 1_000), "ups:b": (1_000, 1_000)}


def test_the_same_item_written_otherwise_is_no_change() -> None:
    first = edits.created(None, mapping("a"), None, CREATED)
    spelled = mapping({"id": "a", "namespace": "ups"})

    assert times(edits.changed(first, spelled, None, CHANGED)) == {"ups:a": (1_000, 1_000)}


def test_a_segment_that_was_away_is_mapped_anew() -> None:
    first = edits.created(None, mapping("a", "b"), None, CREATED)
    without = edits.changed(first, mapping("b"), None, CHANGED)

    assert without.mapped == {"ups": {"b": Mapped(created_at=1_000, updated_at=1_000)}}
    assert times(edits.changed(without, mapping("a", "b"), None, LATER))["ups:a"] == (3_000, 3_000)


def test_a_pause_a_return_and_a_drain_keep_the_times_and_a_removal_drops_them() -> None:
    first = edits.created(None, mapping("a"), None, CREATED)
    paused = edits.paused(first, "they move", CHANGED)
    draining = edits.draining(edits.resumed(paused, CHANGED), LATER)

    assert times(paused) == times(draining) == {"ups:a": (1_000, 1_000)}
    gone = edits.deleted(draining, LATER)
    assert gone.mapped == {}
    assert times(edits.created(gone, mapping("a"), None, LATER)) == {"ups:a": (3_000, 3_000)}


def test_what_another_release_wrote_has_no_times_until_its_items_change() -> None:
    old = replace(edits.created(None, mapping("a", "b"), None, CREATED), mapped={})
    changed = edits.changed(old, mapping("a", {"id": "b", "name": "Readers"}, "c"), None, CHANGED)

    assert times(old) == {"ups:a": (None, None), "ups:b": (None, None)}
    assert times(changed) == {"ups:a": (None, None), "ups:b": (None, 2_000), "ups:c": (2_000, 2_000)}
    later = edits.changed(changed, mapping("a", "b", "c"), None, LATER)
    assert times(later)["ups:b"] == (None, 3_000)


def test_items_that_another_release_wrote_otherwise_are_not_known() -> None:
    first = edits.created(None, mapping("a"), None, CREATED)
    odd = replace(first, document=mapping(7, {"key": "a"}, "a"))
    none = replace(first, document={**CRM, "segments": "a"})

    assert edits.changed(odd, mapping("a"), None, CHANGED).mapped["ups"]["a"].created_at == 1_000
    assert edits.changed(none, mapping("a"), None, CHANGED).mapped["ups"]["a"].created_at == 2_000
