"""What a worker can be asked about the profiles that it owns: the paths, and the bodies as JSON."""

from __future__ import annotations

import msgspec

EXPLAIN, SEEN = "/profiles/explain", "/catalogue/seen"
"""Why a profile was sent to a destination, or not; which segments and attributes are known (an empty object asks)."""


class Explain(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Explain a profile to a destination; *partition* is where it lives, None: look in all that are owned."""

    profile: str
    destination: str
    partition: int | None = None
    reveal: bool = False
    """Whether values are shown."""

    def __repr__(self) -> str:
        return "Explain(...)"  # it names a profile
