"""Whether an export may take the place of an older one of its profile, so that the older is never posted. Pure.

The newest export says all that is known of a profile (design law 3.4), so a destination that wants the latest state
only loses nothing with the ones before it. Four times that is not so, and then both are posted:

- The older is the last word on a profile that was forgotten. Nothing of what it takes back is known any more, so no
  later export says it.
- The older names a segment that the newer leaves out: an exit from so long ago that exports have ceased to carry it.
- The older names an identity that the newer leaves out: whoever is known by that one alone would hear of nothing.
- One of them is of a version that must not be posted now. What is below the lowest one is withdrawn, and its profile
  asked for; what is above the one in force waits for it, perhaps for good.
"""

from __future__ import annotations

import msgspec

from streams.destinations import Destination
from streams.exports import Export
from streams.profile_commands import FORGOTTEN


class _Identity(msgspec.Struct, gc=False):
    id: str


class _Said(msgspec.Struct, rename="camel", gc=False):
    """What a body says that a later one may leave out although the destination has to know it."""

    segment_membership: dict[str, dict[str, msgspec.Raw]] = {}
    identity_map: dict[str, list[_Identity]] = {}


_said = msgspec.json.Decoder(_Said).decode


def replaces(newer: Export, older: Export, destination: Destination) -> bool:
    """Whether *newer*, which arrived later, leaves nothing of *older* to be told."""
    return (
        newer.meta.revision >= older.meta.revision
        and older.meta.trigger != FORGOTTEN
        and _is_postable(older, destination)
        and _is_postable(newer, destination)
        and _covers(newer.body, older.body)
    )


def _is_postable(export: Export, destination: Destination) -> bool:
    return destination.min_version <= export.meta.version <= destination.version


def _covers(newer: bytes, older: bytes) -> bool:
    """Whether *newer* names each membership and each identity that *older* names."""
    try:
        mine, others = _said(newer), _said(older)
    except msgspec.MsgspecError:
        return False  # not written by activation as it is now: then both are posted
    segments, identities = mine.segment_membership, mine.identity_map
    return all(
        names.keys() <= segments.get(space, {}).keys() for space, names in others.segment_membership.items()
    ) and (all(_ids(items) <= _ids(identities.get(space, [])) for space, items in others.identity_map.items()))


def _ids(items: list[_Identity]) -> set[str]:
    return {item.id for item in items}
