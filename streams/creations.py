"""When each destination was created: the moment that a document calls ``now``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from streams.destinations import Destination


class Creations(Protocol):
    """What is needed of the journal."""

    async def record_creation(self, incarnation: str, at_ms: int) -> int:
        """Write down when a destination was created, unless that is known; return the time that counts."""


async def fixed(destinations: Sequence[Destination], creations: Creations, now_ms: int) -> list[Destination]:
    """Return *destinations* with a time in place of each ``now``; those never seen before are created *now_ms*."""
    created = await asyncio.gather(*(creations.record_creation(d.incarnation, now_ms) for d in destinations))
    return [
        replace(destination, since=at) if destination.since == "now" else destination
        for destination, at in zip(destinations, created, strict=True)
    ]
