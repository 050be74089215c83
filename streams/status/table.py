"""An overview as tables for people: workers, inputs, destinations, and what to do about gaps. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from streams.remedies.destinations import todo
from streams.status.overview import DestinationView, Overview, Queue, WorkerView
from streams.status.shapes import Gap, Stage

NOTHING = "-"

WORKERS = ("worker", "seen", "ready", "version", "host", "pid", "stages", "health")
INPUTS = ("input", "lag", "oldest", "owned by nobody", "partitions")
DESTINATIONS = (
    *("destination", "state", "reason", "for", "lag", "oldest", "pending", "in flight", "ended"),
    *("owned by nobody", "partitions"),
)


COUNTS = (
    *("destination", "received", "activated", "excluded", "not triggered", "delivered", "failed", "pending"),
    "since",
)


class Table(NamedTuple):
    """A titled table; *hint* says what to do about what it shows."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]
    hint: str = ""


def tables(overview: Overview) -> Iterator[Table]:
    """Yield the tables in the order in which they are read."""
    yield Table("workers", WORKERS, [_worker(each) for each in overview.workers], _no_worker(overview))
    if progress := [row for each in overview.workers if each.live for row in _progress(each)]:
        yield Table("under way", ("worker", "stage", "why", "progress"), progress)
    yield Table(f"inputs of {overview.app}", INPUTS, [_input(each) for each in overview.inputs])
    rows = [_destination(each, overview.at) for each in overview.destinations]
    yield Table("destinations", DESTINATIONS, rows, _todo(overview.destinations))
    if overview.destinations:
        counts = [_counts(each, overview.at) for each in overview.destinations]
        yield Table("what became of their records, as the workers that run now have counted", COUNTS, counts)
    if overview.gaps:
        hint = "these partitions stand still until you accept what is missing: streams gaps list, streams gaps accept"
        rows = [_gap(each) for each in overview.gaps]
        yield Table("gaps", ("stage", "topic", "partition", "cause", "records gone"), rows, hint)


def _no_worker(overview: Overview) -> str:
    return "" if any(each.live for each in overview.workers) else "no worker runs: start one with 'streams worker'"


def _worker(view: WorkerView) -> tuple[str, ...]:
    worker = view.report
    return (
        worker.id,
        f"{'live' if view.live else 'stale'}, {duration(view.age_seconds)} ago",
        "yes" if worker.ready else "no",
        worker.version,
        worker.host,
        str(worker.pid),
        ", ".join(f"{name} {_numbers(stage)}" for name, stage in worker.stages.items()),
        worker.health,
    )


def _numbers(stage: Stage) -> str:
    return ranges(stage.partitions) if stage.partitions else f"({stage.assigned})"


def _progress(view: WorkerView) -> Iterator[tuple[str, ...]]:
    for name, stage in view.report.stages.items():
        recovery, parts = stage.recovery, []
        if not stage.ready and recovery is not None:
            parts.append(
                f"recovery: {recovery.done} of {recovery.partitions} partitions, {recovery.remaining} records remain, "
                f"{recovery.rate:.0f}/s"
            )
        if stage.first_start:
            parts.append(
                f"first start: {sum(stage.first_start.values())} profile records before the others, "
                f"partitions {ranges(stage.first_start)}"
            )
        if not stage.ready or parts:
            yield view.report.id, name, stage.missing or NOTHING, "; ".join(parts) or NOTHING


def _input(queue: Queue) -> tuple[str, ...]:
    return queue.topic, str(queue.lag), age(queue.oldest_age_seconds), ranges(queue.unowned), _owned(queue)


def _destination(view: DestinationView, now_ms: int) -> tuple[str, ...]:
    queue = view.queue
    return (
        _name(view),
        view.state,
        view.reason or NOTHING,
        NOTHING if view.since is None else duration(max(0, now_ms - view.since) / 1000),
        str(queue.lag),
        age(queue.oldest_age_seconds),
        str(view.pending),
        str(view.in_flight),
        " ".join(f"{end}={count}" for end, count in view.ends.items() if count) or NOTHING,
        ranges(queue.unowned),
        _owned(queue),
    )


def _counts(view: DestinationView, now_ms: int) -> tuple[str, ...]:
    counts = view.counts
    numbers = (counts.not_triggered, counts.delivered, counts.failed, counts.pending)
    return (
        _name(view),
        str(counts.received),
        str(counts.activated),
        " ".join(f"{why}={count}" for why, count in counts.excluded.items()) or "0",
        *map(str, numbers),
        NOTHING if counts.since is None else f"{duration(max(0, now_ms - counts.since) / 1000)} ago",
    )


def _name(view: DestinationView) -> str:
    return view.name if view.incarnation.endswith(".1") else view.incarnation


def _todo(views: Collection[DestinationView]) -> str:
    """Return what is told of each destination beside its reason, and what to do about each reason that there is."""
    details = [f"{view.name}: {view.state}, {view.details}" for view in views if view.details]
    reasons = dict.fromkeys(view.reason for view in views)
    return "\n".join([*details, *(f"{reason}: {what}" for reason in reasons if (what := todo(reason)))])


def _owned(queue: Queue) -> str:
    owned: dict[str, list[int]] = {}
    for partition in queue.partitions:
        for owner in partition.owners:
            owned.setdefault(owner, []).append(partition.partition)
    return "; ".join(f"{owner}: {ranges(numbers)}" for owner, numbers in owned.items()) or NOTHING


def _gap(gap: Gap) -> tuple[str, ...]:
    return gap.stage, gap.topic, str(gap.partition), gap.cause, "unknown" if gap.gone is None else str(gap.gone)


def ranges(numbers: Collection[int]) -> str:
    """Return numbers as ``0-3,7``."""
    texts: list[str] = []
    first = last = -2
    for number in sorted(numbers):
        if number == last + 1:
            last = number
            texts[-1] = f"{first}-{last}"
            continue
        first = last = number
        texts.append(str(number))
    return ",".join(texts) or NOTHING


def age(seconds: float | None) -> str:
    """Return how old something is; a dash where there is nothing."""
    return NOTHING if seconds is None else duration(seconds)


def duration(seconds: float) -> str:
    """Return a length of time in its two largest units."""
    whole = int(seconds)
    for size, unit, smaller_size, smaller in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // smaller_size} {smaller}"
    return f"{whole} s"
