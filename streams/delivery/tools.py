"""What a destination's delivery works with: how it is reached, what it tells, and what it remembers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from streams.delivery.asking import Asked
from streams.delivery.bounds import Shared
from streams.delivery.dead_letters import Failure
from streams.delivery.health import Health
from streams.delivery.limiting import Limiter
from streams.delivery.pending import Record
from streams.delivery.progress import Progress
from streams.delivery.refusals import Refusals
from streams.delivery.revisions import Revisions
from streams.delivery.states import State
from streams.destinations import Destination, Retry
from streams.ends import ExportEnd
from streams.exports import Export
from streams.groups.lease import Lease
from streams.outcomes import Outcome
from streams.profile_commands import ReExport

Attempt = Callable[[Any], Awaitable[Outcome]]
"""One request with what is ``Posted``; it says how it ended. Raises LapsedError where the lease lapsed unanswered."""
Park = Callable[[Record, Failure], Awaitable[None]]
"""Writes a dead letter and returns when it is confirmed; raises NotParkedError, and LapsedError before it writes."""
Ask = Callable[[Export, ReExport], Awaitable[None]]
"""Asks activation to export an export's profile anew; returns when that is confirmed, or raises NotWrittenError."""
Pause = Callable[[int, Outcome, Retry, Callable[[], float]], float]
"""Seconds until the next attempt, given how many were made, the last outcome, the policy and the dice."""


class Telemetry(Protocol):
    """What delivery tells of a destination."""

    def fetched(self, count: int) -> None:
        """Exports were fetched."""

    def attempted(self, outcome: Outcome, seconds: float) -> None:
        """A request ended."""

    def batched(self, count: int) -> None:
        """A request ended that carried so many exports, to a destination that takes batches."""

    def halved(self) -> None:
        """A batch was refused: its members are to be sent again, in half the company."""

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
        """An export ended, *seconds* after it was fetched."""

    def observe(
        self,
        *,
        pending: Callable[[], int],
        in_flight: Callable[[], int],
        oldest_timestamp_ms: Callable[[], int | None],
    ) -> None:
        """The gauges are read here from now on."""

    def state(self, name: str, reason: str, details: str) -> None:
        """The destination's state changed; *details* are for people."""

    def at_fault(self, seconds: float) -> None:
        """The destination was at fault for so long."""

    def held(self, seconds: float) -> None:
        """Requests were ready and are held by the rate for so long."""

    def lapsed(self) -> None:
        """The lease has lapsed: nothing is posted until it is renewed."""


@dataclass(slots=True)
class Books:
    """What became of a worker's exports: fetched = ended + pending + handed over, at any time (design law 4.1).

    An export is fetched by who is to bring it to an end. One that had ended already, as the commit says with which the
    worker began, is read and skipped: it stands in the books of the worker that ended it.
    """

    fetched: int = 0
    ended: int = 0
    handed_over: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What outlives an assignment: the destination, what it is reached by, and what is remembered of it."""

    destination: Destination
    attempt: Attempt
    park: Park
    ask: Ask
    pause: Pause
    telemetry: Telemetry
    shared: Shared
    state: State
    lease: Lease
    """Of the group's member that delivers; a new member has a new one."""
    now: Callable[[], float]
    random: Callable[[], float]
    wall: Callable[[], float]
    """The clock of the calendar, in seconds."""
    is_current: Callable[[], Awaitable[bool]]
    """Waits until what was written of documents by now is read, and says whether *destination* is still in force."""
    revisions: Revisions = field(default_factory=Revisions)
    health: Health = field(default_factory=Health)
    refusals: Refusals = field(default_factory=Refusals)
    progress: Progress = field(default_factory=Progress)
    books: Books = field(default_factory=Books)
    asked: Asked = field(default_factory=Asked)
    limiter: Limiter = field(default_factory=Limiter)
