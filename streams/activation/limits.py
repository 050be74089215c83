"""What a record must not lead to because it would be too large: for a profile's state, or for a record of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streams.activation.events import FragmentChange, Malformed
from streams.activation.rounds import Row
from streams.ends import Reason
from streams.exports import MAX_ROW_BYTES

MAX_STATE_BYTES = 4 * 1024 * 1024
"""What a profile's state may grow to; the record that would make it larger is a dead letter (``state-too-large``)."""


def excess_of(
    change: Any, key: bytes, state: bytes | None, exports: Sequence[tuple[str, Row]], max_state_bytes: int
) -> Malformed | None:
    """Say what is too large of what would follow from a record; a null only takes away, so its state may be."""
    size = len(state or b"")
    if (size > max_state_bytes and not _is_null(change)) or len(key) + size > MAX_ROW_BYTES:
        return Malformed(Reason.STATE_TOO_LARGE, f"the profile's state would be {size} bytes")
    for _, row in exports:
        if row.size > MAX_ROW_BYTES:
            return Malformed(Reason.TOO_LARGE, f"an export of it would be a record of {row.size} bytes")
    return None


def _is_null(change: Any) -> bool:
    return isinstance(change, FragmentChange) and change.fragment is None
