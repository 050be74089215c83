"""Which live workers do not follow what was changed, and why. Pure: reports in, those that lag out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from streams.registry.records import DESTINATION
from streams.status.shapes import Report, Worker, is_live

Wanted = Mapping[str, int | None]
"""By incarnation the version to be followed; None = it is gone, and must not be followed any more. What governs
destinations stands under its kind and name, such as ``policy/no-c2``, see `governing`."""


def governing(kind: str, name: str) -> str:
    """Return what a document that governs destinations is followed as."""
    return f"{kind}/{name}"


@dataclass(frozen=True, slots=True)
class Laggard:
    """A worker that has not followed one document so far."""

    worker: str
    kind: str
    name: str
    why: str


def live(reports: Iterable[Report], now_ms: int) -> list[Worker]:
    """Return the workers that reported recently enough."""
    return [each for each in reports if isinstance(each, Worker) and is_live(each, now_ms)]


def laggards(workers: Iterable[Worker], wanted: Wanted) -> list[Laggard]:
    """Return who has not followed, by worker and document; a worker that a destination does not concern has."""
    return [each for worker in workers for each in _of(worker, wanted)]


def _of(worker: Worker, wanted: Wanted) -> Iterator[Laggard]:
    for key, version in wanted.items():
        kind, name = _named(key)
        if kind == DESTINATION and worker.only and name not in worker.only:
            continue
        followed = worker.followed.get(key)
        if version is None and followed is not None:
            yield Laggard(worker.id, kind, name, f"still follows version {followed}")
        elif version is not None and (followed is None or followed < version):
            refused = worker.refused.get(name if kind == DESTINATION else key)
            yield Laggard(worker.id, kind, name, refused or _behind(followed))


def _named(key: str) -> tuple[str, str]:
    """Return kind and name of what is wanted."""
    kind, _, name = key.rpartition("/")
    return (kind, name) if kind else (DESTINATION, key.rpartition(".")[0])


def _behind(followed: int | None) -> str:
    return "does not follow it yet" if followed is None else f"still follows version {followed}"
