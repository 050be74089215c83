"""What a worker reports of itself and of each destination that it delivers, as the status topic holds it.

Keys are ``worker/<worker id>`` and ``destination/<worker id>/<destination's name>``, values are JSON; a tombstone takes
a report away. Times are milliseconds of the writer's clock. A report holds no secret, no key, no body and no URL of an
endpoint. Fields may be added: who reads an older or a newer report finds defaults, and skips what it cannot read.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

WORKER, DESTINATION = "worker", "destination"


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A partition that stands still until an operator accepts what is missing; *gone* is None where it is unknown."""

    stage: str
    topic: str
    partition: int
    cause: str = ""
    gone: int | None = None


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """How far the state is rebuilt from its changelog, over all partitions of this recovery."""

    partitions: int
    done: int
    """Partitions that are complete."""
    remaining: int
    loaded: int
    seconds: float
    rate: float
    """Records a second."""


class Considered(msgspec.Struct, frozen=True, kw_only=True):
    """How many records a worker has considered for a destination since its start, by how that ended."""

    activated: int = 0
    not_triggered: int = 0
    excluded: dict[str, int] = {}
    """By why."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """How a stage stands; *missing* says what it still lacks before it is ready."""

    ready: bool
    missing: str = ""
    assigned: int = 0
    """Partitions, over all of the stage's topics."""
    partitions: tuple[int, ...] = ()
    """The numbers of activation's partitions; each destination reports its own."""
    recovery: Recovery | None = None
    """Activation's latest recovery, under way or done."""
    first_start: dict[int, int] = {}
    """Of each partition whose other inputs wait: how many records of the profile topics are still to be read."""
    gaps: tuple[Gap, ...] = ()
    considered: dict[str, Considered] = {}
    """By incarnation, what activation decided."""
    faulted: dict[str, str] = {}
    """By incarnation, why its exports topic refuses what activation writes; what is owed follows when it is back."""


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A worker; it reports every *interval_seconds*, and at changes."""

    id: str
    version: str
    host: str
    pid: int
    started_at: int
    written_at: int
    interval_seconds: float
    session_timeout_seconds: float
    """The shortest of its stages: after so long without a sign of life others take over."""
    ready: bool = False
    stages: dict[str, Stage] = {}
    set_aside: dict[str, int] = {}
    """State directories that were set aside since the start, by reason."""
    health: str = ""
    """Where health and metrics are served."""
    only: tuple[str, ...] = ()
    """The names of the only destinations that concern it, where it delivers some and activates none; none: all do."""
    followed: dict[str, int] = {}
    """By incarnation the version of its document that all stages here follow: no request that was rendered by what
    is not allowed any more is open. One that is gone here is absent. So are documents that govern destinations, by kind
    and name, such as ``policy/no-c2``: no request is open that they forbid."""
    refused: dict[str, str] = {}
    """By name, or by kind and name of what governs destinations, why the version in force is not followed here."""


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """A destination as one worker delivers it."""

    worker: str
    name: str
    incarnation: str
    version: int
    """The version of its document."""
    written_at: int
    state: str = ""
    reason: str = ""
    details: str = ""
    """For people: who paused it, and what for; or how policies come to forbid it."""
    since: int | None = None
    """When it came to be in this state."""
    partitions: tuple[int, ...] = ()
    pending: int = 0
    in_flight: int = 0
    oldest: int | None = None
    """The record timestamp of the oldest export that has not ended."""
    ends: dict[str, int] = {}
    """How many exports ended, by end, since the worker's start."""


Report = Worker | Destination

_encode = msgspec.json.Encoder().encode
_decode: dict[str, Callable[[bytes], Report]] = {
    WORKER: msgspec.json.Decoder(Worker).decode,
    DESTINATION: msgspec.json.Decoder(Destination).decode,
}


def key_of(report: Report) -> bytes:
    """Return the key under which *report* stands."""
    if isinstance(report, Worker):
        return f"{WORKER}/{report.id}".encode()
    return f"{DESTINATION}/{report.worker}/{report.name}".encode()


def encode(report: Report) -> bytes:
    """Return the value that *report* is written as."""
    return _encode(report)


def worker_of(key: bytes) -> str | None:
    """Return the id of the worker that wrote under *key*; None if it is no key of ours."""
    kind, _, rest = key.decode(errors="replace").partition("/")
    return rest.partition("/")[0] if kind in (WORKER, DESTINATION) and rest else None


def decode(key: bytes, value: bytes) -> Report | None:
    """Return the report that *value* holds; None for what another release may have written. Total."""
    read = _decode.get(key.decode(errors="replace").partition("/")[0])
    try:
        return None if read is None else read(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def stale_after_seconds(worker: Worker) -> float:
    """Return after how long without a report *worker* counts as gone: three missed ones, and its session's time."""
    return max(3 * worker.interval_seconds, worker.session_timeout_seconds)


def is_live(worker: Worker, now_ms: int) -> bool:
    """Whether *worker* reported recently enough."""
    return now_ms - worker.written_at <= stale_after_seconds(worker) * 1000


FORGOTTEN_AFTER_SECONDS = 24 * 60 * 60.0


def has_gone(worker: Worker, now_ms: int, *, host: str, health: str) -> bool:
    """Whether *worker* is surely gone: silent for a day, or whoever is at *host* now serves health where it did.

    Two workers cannot listen at one address of one host, so one that comes back after a crash takes its
    predecessor's reports away.
    """
    silent = now_ms - worker.written_at > FORGOTTEN_AFTER_SECONDS * 1000
    return silent or (bool(health) and (worker.host, worker.health) == (host, health))
