"""What the tests of delivery are made of: records of an exports topic, tools with everything recorded."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.delivery.bounds import Shared
from streams.delivery.dead_letters import Failure
from streams.delivery.limiting import Limiter
from streams.delivery.pending import Record
from streams.delivery.states import State
from streams.delivery.tools import Ask, Attempt, Park, Tools
from streams.destinations import Account, Delivery, Destination, Retry, Segment
from streams.ends import ExportEnd
from streams.exports import ID_HEADER, META_HEADER, Export, Meta, encode_meta
from streams.groups.lease import Lease
from streams.outcomes import Delivered, Outcome
from streams.profile_commands import ReExport

TOPIC = "streams.exports.crm.1"


def a_destination(name: str = "crm", url: str = "http://127.0.0.1:1/", **delivery: Any) -> Destination:
    return Destination(name=name, account=Account(url), segments=(Segment("gold"),), delivery=Delivery(**delivery))


def export_headers(
    id_: str, revision: int = 1, *, version: int = 1, trigger: str = "qualification"
) -> list[tuple[str, bytes]]:
    meta = Meta(version=version, revision=revision, trigger=trigger, source="qualifications-0-0")
    return [(ID_HEADER, id_.encode()), (META_HEADER, encode_meta(meta))]


@dataclass
class ARecord:
    """A record as aiokafka gives it."""

    offset: int = 0
    key: bytes | None = b"p1"
    value: bytes | None = b"{}"
    headers: Sequence[tuple[str, bytes]] = ()
    topic: str = TOPIC
    partition: int = 0
    timestamp: int = 1_700_000_000_000


def a_record(
    offset: int = 0, key: bytes = b"p1", *, revision: int | None = None, partition: int = 0, **meta: Any
) -> ARecord:
    headers = export_headers(f"id-{partition}-{offset}", offset if revision is None else revision, **meta)
    return ARecord(offset=offset, key=key, headers=headers, partition=partition)


@dataclass
class RecordingTelemetry:
    """Keeps what it is told."""

    fetched_count: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    ends: list[tuple[str, ExportEnd, str | None]] = field(default_factory=list)
    states: list[tuple[str, str]] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    gauges: dict[str, Callable[[], int | None]] = field(default_factory=dict)
    lapses: int = 0
    held_seconds: float = 0.0
    batches: list[int] = field(default_factory=list)
    halvings: int = 0
    seconds_at_fault: float = 0.0

    def fetched(self, count: int) -> None:
        self.fetched_count += count

    def attempted(self, outcome: Outcome, seconds: float) -> None:
        self.outcomes.append(outcome)

    def batched(self, count: int) -> None:
        self.batches.append(count)

    def halved(self) -> None:
        self.halvings += 1

    def ended(
        self,
        export: Export,
        end: ExportEnd,
        *,
        reason: str | None,
        status: int | None,
        attempts: int,
        seconds: float,
    ) -> None:
        self.ends.append((export.id, end, reason))

    def observe(
        self,
        *,
        pending: Callable[[], int],
        in_flight: Callable[[], int],
        oldest_timestamp_ms: Callable[[], int | None],
    ) -> None:
        self.gauges = {"pending": pending, "in_flight": in_flight, "oldest": oldest_timestamp_ms}

    def state(self, name: str, reason: str, details: str) -> None:
        self.states.append((name, reason))
        self.details.append(details)

    def at_fault(self, seconds: float) -> None:
        self.seconds_at_fault += seconds

    def held(self, seconds: float) -> None:
        self.held_seconds += seconds

    def lapsed(self) -> None:
        self.lapses += 1

    @property
    def counts(self) -> Counter[ExportEnd]:
        return Counter(end for _, end, _ in self.ends)


@dataclass
class Parked:
    """A dead-letter topic that confirms at once."""

    letters: list[tuple[Record, Failure]] = field(default_factory=list)

    async def __call__(self, record: Record, failure: Failure) -> None:
        self.letters.append((record, failure))


@dataclass
class Questions:
    """A topic of commands that confirms at once."""

    asked: list[tuple[Export, ReExport]] = field(default_factory=list)

    async def __call__(self, export: Export, command: ReExport) -> None:
        self.asked.append((export, command))


async def always() -> bool:
    """Know of no other version."""
    return True


def soon(attempts: int, outcome: Outcome, retry: Retry, random: Callable[[], float]) -> float:
    """Try again almost at once."""
    return 0.001


async def deliver(export: Export) -> Outcome:
    """Take everything."""
    return Delivered(204)


def a_lease(seconds: float = 1e9) -> Lease:
    """Return a lease that is held, for good unless its clock or its holder ends it."""
    lease = Lease(seconds, lambda: 0.0)
    lease.renewed(0.0)
    return lease


def the_tools(
    attempt: Attempt = deliver,
    *,
    lease: Lease | None = None,
    park: Park | None = None,
    ask: Ask | None = None,
    telemetry: RecordingTelemetry | None = None,
    shared: Shared | None = None,
    destination: Destination | None = None,
    now: Callable[[], float] = time.monotonic,
    pause: Callable[[int, Outcome, Retry, Callable[[], float]], float] = soon,
) -> Tools:
    telemetry, destination = telemetry or RecordingTelemetry(), destination or a_destination()
    return Tools(
        destination=destination,
        attempt=attempt,
        park=park or Parked(),
        ask=ask or Questions(),
        pause=pause,
        telemetry=telemetry,
        shared=shared or Shared(),
        state=State(telemetry.state, destination),
        lease=lease or a_lease(),
        now=now,
        random=lambda: 0.5,
        wall=time.time,
        is_current=always,
        limiter=Limiter(telemetry.held),
    )
