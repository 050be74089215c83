"""What switches off the laws about groups: the lease, the first start, the stale directory, the gap that is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streams.activation import stage
from streams.groups import starts
from streams.groups.gaps import Gap
from streams.groups.lease import Lease
from tests.faults.hooks.replacing import replaced

FOREVER = 10.0**6
"""Seconds."""


def no_lease() -> None:
    """Believe that the partitions are ours for ever."""
    replaced(Lease, "held", property(lambda _: True))
    replaced(Lease, "left", property(lambda _: FOREVER))


def no_first_start() -> None:
    """Read all inputs at once from the start."""
    _with_engine_settings(first=frozenset())


def keep_stale() -> None:
    """Believe a state directory however long it was not in use."""
    _with_engine_settings(delete_retention_seconds=FOREVER)


def _with_engine_settings(**changed: Any) -> None:
    def settings(*given: Any, **named: Any) -> Any:
        return replace(stock(*given, **named), **changed)

    stock = replaced(stage, "engine_settings", settings)


def reset_offsets() -> None:
    """Go on at the beginning where records are gone or offsets are lost, and say nothing."""

    def judge(found: Any, birth: Any) -> Any:
        judged = stock(found, birth)
        return found.beginning if isinstance(judged, Gap) else judged

    stock = replaced(starts, "judge", judge)
