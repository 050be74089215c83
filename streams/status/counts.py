"""What became of a destination's records and exports, over all live workers, and since when that is counted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from streams.ends import ExportEnd, RecordEnd
from streams.status.shapes import Considered, Destination, Report, Worker


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Each of the received is one of activated, excluded and not triggered; an activated one is an export, or two.

    A worker counts from its start, and what it has counted goes with it: *since* (milliseconds) is the start of the
    oldest that counts, and what is missing is what workers counted that run no more. None: nobody counts.
    """

    received: int
    """Records that were considered for the destination."""
    activated: int
    excluded: dict[str, int]
    """By why."""
    not_triggered: int
    delivered: int
    failed: int
    """Exports that became dead letters."""
    pending: int
    since: int | None


def counted(incarnation: str, workers: Iterable[Worker], told: Iterable[Destination]) -> Counts:
    """Return the sum of what live *workers* report, and of what they have *told* of the destination."""
    workers, told = list(workers), [each for each in told if each.incarnation == incarnation]
    parts = {
        worker.id: part
        for worker in workers
        for stage in worker.stages.values()
        if (part := stage.considered.get(incarnation)) is not None
    }
    excluded: Counter[str] = sum((Counter(part.excluded) for part in parts.values()), Counter())
    counting = parts.keys() | {each.worker for each in told}
    return Counts(
        received=sum(map(received, parts.values())),
        activated=sum(part.activated for part in parts.values()),
        excluded=dict(sorted(excluded.items())),
        not_triggered=sum(part.not_triggered for part in parts.values()),
        delivered=sum(each.ends.get(ExportEnd.DELIVERED, 0) for each in told),
        failed=sum(each.ends.get(ExportEnd.DEAD_LETTERED, 0) for each in told),
        pending=sum(each.pending for each in told),
        since=min((worker.started_at for worker in workers if worker.id in counting), default=None),
    )


def told_by(workers: Iterable[Worker], reports: Iterable[Report]) -> list[Destination]:
    """Return what *workers* report of destinations."""
    ids = {worker.id for worker in workers}
    return [each for each in reports if isinstance(each, Destination) and each.worker in ids]


def considered(counts: Mapping[tuple[str, str], int]) -> Considered:
    """Return what a worker has counted of a destination by end and exclusion, without the zeros among these."""
    return Considered(
        activated=counts.get((RecordEnd.ACTIVATED, ""), 0),
        not_triggered=counts.get((RecordEnd.NOT_TRIGGERED, ""), 0),
        excluded={why: count for (end, why), count in counts.items() if end == RecordEnd.EXCLUDED and count},
    )


def received(considered: Considered) -> int:
    """Return how many records a worker has considered for a destination."""
    return considered.activated + considered.not_triggered + sum(considered.excluded.values())
