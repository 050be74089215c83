"""What a run leaves for the judge: ledgers of what was promised, received, parked, committed and done to whom.

Times are seconds of the wall clock: processes on one machine share it, and the broker stamps records with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.profiles import State

Place = tuple[str, int]
"""A topic and a partition."""


@dataclass(frozen=True, slots=True)
class Obligation:
    """One record that the broker has confirmed, and so one that must end: *state* is what it brings of its profile.

    A membership record brings a step, a fragment a version; the other number is 0.
    """

    profile: str
    state: State
    topic: str
    partition: int
    offset: int
    at: float
    """When the broker's confirmation came."""
    segment: str | None = None
    time: str | None = None
    status: str | None = None

    @property
    def is_membership(self) -> bool:
        """Whether it is a membership record."""
        return self.state.step > 0


@dataclass(slots=True)
class Request:
    """One request at the endpoint, in the order of arrival."""

    number: int
    arrived: float
    clock: float
    """The same moment by the monotonic clock."""
    key: str
    """Its ``Idempotency-Key``."""
    head: str
    """Request line and headers."""
    body: bytes
    status: int | None
    """What was decided at once; None = it never gets an answer."""
    ended: float | None = None
    """When the answer was given, or the connection was lost."""
    sent: bool = False
    """Whether the answer was written to a connection that was open."""
    retry_after: float = 0.0
    """How many seconds of patience the answer asked for."""
    form: str = ""
    """In which form it did."""
    way: str = ""
    """How the endpoint misbehaved, if it did."""
    link: int = 0
    """The connection that it came on."""

    @property
    def accepted(self) -> bool:
        """Whether an endpoint would have done what was asked, whether or not its answer arrived."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def delivered(self) -> bool:
        """Whether the sender may know that it was accepted."""
        return self.accepted and self.sent

    def open_at(self, moment: float) -> bool:
        """Whether it had arrived and not ended."""
        return self.arrived <= moment and (self.ended is None or self.ended > moment)


@dataclass(slots=True)
class Link:
    """One connection to the endpoint; *wrote* is what the endpoint wrote of answers that were none."""

    made: float
    lost: float | None = None
    requests: int = 0
    wrote: int = 0


@dataclass(frozen=True, slots=True)
class Export:
    """One record of the exports topic; *at* is its own timestamp."""

    partition: int
    offset: int
    at: float
    profile: str
    key: str
    revision: int
    body: bytes
    replays: int = 0
    """How often it had been a dead letter that an operator has let be sent once more."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter: what it was, and where it stood."""

    partition: int
    offset: int
    at: float
    topic: str
    """Of the record that failed, as are its partition and offset."""
    origin: tuple[int, int]
    reason: str
    key: str | None
    """The export's id, if it was one."""
    value: bytes | None
    headers: str
    """All header names and values of ours, as text."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A committed offset that was seen to change: not yet at *after*, there at *at*."""

    group: str
    topic: str
    partition: int
    offset: int
    metadata: str
    after: float
    at: float


@dataclass(slots=True)
class Fault:
    """What was done, from when to when. Where *crash*, what was under way may be repeated."""

    what: str
    began: float
    ended: float | None = None
    crash: bool = False
    commit_seconds: float | None = 1.5
    """How old the last commits are at most when a crash comes; None = as old as was seen."""
    forgets: bool = False
    """Whether a crash takes the commits away, so that all that is there may be repeated."""
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A document changed so that exports of before may not be posted: from *began* on, for all workers at *ended*."""

    attribute: str | None
    """What it has no longer, by its name below ``person``; None where the endpoint has changed."""
    began: float
    ended: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A command that asks for a profile to be exported anew, or a dead letter of it again; *at* is its timestamp."""

    profile: str
    at: float
    destination: str
    """The incarnation."""
    replayed: str | None = None
    """The id of the dead letter, if it is one."""


@dataclass(frozen=True, slots=True)
class Vital:
    """How large a worker was."""

    worker: str
    at: float
    rss_bytes: int
    sockets: int
    threads: int


@dataclass(frozen=True, slots=True)
class Fresh:
    """A record that was put in after everything: delivered at *delivered*, None if never."""

    produced: float
    delivered: float | None


@dataclass(frozen=True, slots=True)
class Limits:
    """What is allowed in a run."""

    in_flight: int = 64
    """Open requests, of each worker as a lab is asked for it, of all together in the evidence."""
    workers: int = 1
    """How many there were at once, at most."""
    requests_per_second: float | None = None
    """Of all workers together; None = as many as they like."""
    patience_seconds: float = 3600.0
    """So much patience is had at most, whatever an endpoint asks for."""
    exhausts_seconds: float | None = None
    """What fails for so long may be given up; None = nothing may be."""
    recovery_seconds: float = 60.0
    rss_bytes: int = 400 * 1024 * 1024
    sockets: int = 400
    threads: int = 64


@dataclass(frozen=True, slots=True)
class Evidence:
    """All ledgers of a run."""

    app: str
    exports_topic: str
    delivery_group: str
    activation_group: str
    obligations: Sequence[Obligation] = ()
    requests: Sequence[Request] = ()
    exports: Sequence[Export] = ()
    letters: Sequence[Letter] = ()
    commits: Sequence[Commit] = ()
    faults: Sequence[Fault] = ()
    vitals: Sequence[Vital] = ()
    fresh: Sequence[Fresh] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    """Where something was said (a log, metrics, a topic's headers), and all of it."""
    canaries: tuple[str, ...] = ()
    forbidden_accepts: int = 0
    is_finished: bool = True
    """Whether in the end everything was committed, and no request open."""
    limits: Limits = field(default_factory=Limits)
    withdrawals: Sequence[Withdrawal] = ()
    asked: Sequence[Asked] = ()
    refusals: Sequence[tuple[float, float]] = ()
    """From when to when the exports topic refused: what was put in then is noted as owed, and exported later."""
    owed_from: float = 0.0
    """When the destination was there for all workers: what was put in before is owed to it by no export."""
    owed_until: float = float("inf")
    """When it began to go."""
