"""Which live workers do not follow what was changed, and why. Pure: reports in, those that lag out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from streams.status.shapes import Report, Worker, is_live

Wanted = Mapping[str, int | None]
"""By incarnation the version to be followed; None = it is gone, and must not be followed any more."""


@dataclass(frozen=True, slots=True)
class Laggard:
    """A worker that has not followed one destination so far."""

    worker: str
    destination: str
    why: str


def live(reports: Iterable[Report], now_ms: int) -> list[Worker]:
    """Return the workers that reported recently enough."""
    return [each for each in reports if isinstance(each, Worker) and is_live(each, now_ms)]


def laggards(workers: Iterable[Worker], wanted: Wanted) -> list[Laggard]:
    """Return who has not followed, by worker and destination; a worker that a destination does not concern has."""
    return [each for worker in workers for each in _of(worker, wanted)]


def _of(worker: Worker, wanted: Wanted) -> Iterator[Laggard]:
    for incarnation, version in wanted.items():
        name = incarnation.rpartition(".")[0]
        if worker.only and name not in worker.only:
            continue
        followed = worker.followed.get(incarnation)
        if version is None and followed is not None:
            yield Laggard(worker.id, name, f"still follows version {followed}")
        elif version is not None and (followed is None or followed < version):
            yield Laggard(worker.id, name, worker.refused.get(name) or _behind(followed))


def _behind(followed: int | None) -> str:
    return "does not follow it yet" if followed is None else f"still follows version {followed}"
