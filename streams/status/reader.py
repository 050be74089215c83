"""Reads the status topic to its end: what stands there of each worker and destination."""

from __future__ import annotations

from collections.abc import Iterable

from streams.brokers import Brokers
from streams.status.offsets import Offsets, looking
from streams.status.shapes import Report, Worker, decode, has_gone, worker_of


def latest(rows: Iterable[tuple[bytes, bytes | None]]) -> dict[bytes, Report]:
    """Return what stands after *rows*, by key: the last report of each, unless a tombstone took it away."""
    values: dict[bytes, bytes] = {}
    for key, value in rows:
        if value is None:
            values.pop(key, None)
        else:
            values[key] = value
    decoded = ((key, decode(key, value)) for key, value in values.items())
    return {key: report for key, report in decoded if report is not None}


async def read(offsets: Offsets, topic: str) -> dict[bytes, Report]:
    """Return what stands on *topic*, which must exist."""
    return latest(await offsets.read(topic))


async def abandoned(brokers: Brokers, topic: str, *, me: str, host: str, health: str, now_ms: int) -> list[bytes]:
    """Return the keys on *topic* that surely no worker writes any more, seen by the worker *me* on *host*."""
    async with looking(brokers) as offsets:
        rows = await offsets.read(topic)
    standing = {key for key, value in dict(rows).items() if value is not None}
    workers = {each.id: each for each in latest(rows).values() if isinstance(each, Worker)}
    gone = {id_ for id_, worker in workers.items() if has_gone(worker, now_ms, host=host, health=health)} - {me}
    return [key for key in standing if worker_of(key) in gone or _is_orphan(key, workers, me)]


def _is_orphan(key: bytes, workers: Iterable[str], me: str) -> bool:
    """Whether a destination's report has no worker's beside it, and is not ours: it was left half taken away."""
    writer = worker_of(key)
    return writer is not None and writer != me and writer not in workers
