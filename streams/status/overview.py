"""What stands: workers, who owns what, what waits and since when. Pure: reports and offsets in, an overview out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from streams.groups.gaps import Found
from streams.groups.gaps import Gap as FoundGap
from streams.status.counts import Counts, counted
from streams.status.shapes import Destination, Gap, Report, Worker, is_live

ACTIVATION, DELIVERY = "activation", "delivery"
UNKNOWN = "unknown"
"""The state of a destination that no live worker reports."""
FAULTED, FORBIDDEN = "faulted", "forbidden"
WORST_FIRST = (FAULTED, FORBIDDEN, "paused", "draining", "configured", "activated")
"""Where workers say different things of a destination, the worst is shown."""


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """A partition of a queue: *lag* = end - committed; where nothing is committed, all that is there."""

    partition: int
    committed: int | None
    end: int
    lag: int
    oldest: int | None
    """The timestamp of the oldest record that waits, in milliseconds."""
    owners: tuple[str, ...]
    """The live workers that have it; none = nobody, more than one = a rebalance under way."""


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as its group reads it; *oldest_age_seconds* is None where nothing waits."""

    topic: str
    group: str
    lag: int
    oldest_age_seconds: float | None
    unowned: tuple[int, ...]
    partitions: tuple[Partition, ...]


class WorkerView(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's last report, and how old it is."""

    live: bool
    age_seconds: float
    report: Worker


class DestinationView(msgspec.Struct, frozen=True, kw_only=True):
    """A destination over all live workers; *queue* is its backlog, *since* in milliseconds."""

    name: str
    incarnation: str
    state: str
    reason: str
    details: str
    """For people: who paused it, or how policies come to forbid it."""
    since: int | None
    pending: int
    in_flight: int
    ends: dict[str, int]
    counts: Counts
    queue: Queue
    reports: tuple[Destination, ...]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All that stands, at *at* (milliseconds)."""

    app: str
    at: int
    workers: tuple[WorkerView, ...]
    inputs: tuple[Queue, ...]
    destinations: tuple[DestinationView, ...]
    gaps: tuple[Gap, ...]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A queue as the broker has it: what was found of each partition, and the timestamp of its oldest unread record."""

    topic: str
    group: str
    found: Mapping[int, Found]
    oldest: Mapping[int, int] = {}
    gaps: Mapping[int, FoundGap] = {}
    """The partitions that must not be read on, as the offsets and the journal of births say."""


def waiting(found: Found) -> int:
    """Return how many records wait; where nothing is committed, all that are there."""
    return max(0, found.end - next_offset(found))


def next_offset(found: Found) -> int:
    """Return where the oldest record that waits may stand."""
    return found.beginning if found.committed is None else max(found.committed, found.beginning)


def overview(
    app: str, reports: Iterable[Report], inputs: Iterable[Look], exports: Mapping[str, Look], now_ms: int
) -> Overview:
    """Return what stands; *exports* by incarnation. Only live workers own partitions and tell states."""
    reports = list(reports)
    workers = sorted((each for each in reports if isinstance(each, Worker)), key=lambda each: each.started_at)
    live = {each.id: each for each in workers if is_live(each, now_ms)}
    told = [each for each in reports if isinstance(each, Destination) and each.worker in live]
    refusals = {
        incarnation: why
        for worker in live.values()
        if ACTIVATION in worker.stages
        for incarnation, why in worker.stages[ACTIVATION].faulted.items()
    }
    queues = [_queue(look, _activation_owners(live), now_ms) for look in inputs]
    destinations = [
        _destination(
            incarnation,
            look,
            [each for each in told if each.incarnation == incarnation],
            refusals.get(incarnation),
            counted(incarnation, live.values(), told),
            now_ms,
        )
        for incarnation, look in sorted(exports.items())
    ]
    return Overview(
        app=app,
        at=now_ms,
        workers=tuple(_worker(each, each.id in live, now_ms) for each in workers),
        inputs=tuple(queues),
        destinations=tuple(destinations),
        gaps=_gaps(live.values(), [(ACTIVATION, look) for look in inputs], [(DELIVERY, x) for x in exports.values()]),
    )


def _worker(worker: Worker, live: bool, now_ms: int) -> WorkerView:
    return WorkerView(live=live, age_seconds=_age(worker.written_at, now_ms), report=worker)


def _age(timestamp_ms: int, now_ms: int) -> float:
    return max(0.0, round((now_ms - timestamp_ms) / 1000, 3))


def _activation_owners(live: Mapping[str, Worker]) -> list[tuple[str, Collection[int]]]:
    return [(id_, worker.stages[ACTIVATION].partitions) for id_, worker in live.items() if ACTIVATION in worker.stages]


def _queue(look: Look, owners: Collection[tuple[str, Collection[int]]], now_ms: int) -> Queue:
    partitions = [
        Partition(
            partition=number,
            committed=found.committed,
            end=found.end,
            lag=waiting(found),
            oldest=look.oldest.get(number),
            owners=tuple(id_ for id_, numbers in owners if number in numbers),
        )
        for number, found in sorted(look.found.items())
    ]
    oldest = min((each.oldest for each in partitions if each.oldest is not None), default=None)
    return Queue(
        topic=look.topic,
        group=look.group,
        lag=sum(each.lag for each in partitions),
        oldest_age_seconds=None if oldest is None else _age(oldest, now_ms),
        unowned=tuple(each.partition for each in partitions if not each.owners),
        partitions=tuple(partitions),
    )


def _destination(
    incarnation: str,
    look: Look,
    told: Collection[Destination],
    refusal: str | None,
    counts: Counts,
    now_ms: int,
) -> DestinationView:
    """Return a destination; *refusal* is why its topic refuses what activation writes, though it may be delivered.

    To one that policies forbid nothing is written anyway.
    """
    worst = min(told, key=_badness, default=None)
    ends: dict[str, int] = {}
    for each in told:
        for end, count in each.ends.items():
            ends[end] = ends.get(end, 0) + count
    state, reason, details = (worst.state or UNKNOWN, worst.reason, worst.details) if worst else (UNKNOWN, "", "")
    if refusal is not None and _place(state) > _place(FORBIDDEN):
        state, reason, details = FAULTED, refusal, ""
    return DestinationView(
        name=incarnation.rpartition(".")[0],
        incarnation=incarnation,
        state=state,
        reason=reason,
        details=details,
        since=worst.since if worst else None,
        pending=sum(each.pending for each in told),
        in_flight=sum(each.in_flight for each in told),
        ends=ends,
        counts=counts,
        queue=_queue(look, [(each.worker, each.partitions) for each in told], now_ms),
        reports=tuple(told),
    )


def _badness(report: Destination) -> tuple[int, int]:
    """Order the worst state first, of two alike the one that lasts longer."""
    return _place(report.state), report.since or 0


def _place(state: str) -> int:
    return WORST_FIRST.index(state) if state in WORST_FIRST else len(WORST_FIRST)


def _gaps(live: Iterable[Worker], *looks: Iterable[tuple[str, Look]]) -> tuple[Gap, ...]:
    """Return the gaps that workers report, and those that show in the offsets although no worker runs."""
    told = [gap for worker in live for stage in worker.stages.values() for gap in stage.gaps]
    gaps = {(gap.topic, gap.partition): gap for gap in told}
    for stage, look in (each for several in looks for each in several):
        for number, found in look.gaps.items():
            named = Gap(stage=stage, topic=look.topic, partition=number, cause=found.cause, gone=found.gone)
            gaps.setdefault((look.topic, number), named)
    return tuple(gap for _, gap in sorted(gaps.items()))
