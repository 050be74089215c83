"""The measures that can be switched off: what each is for, and the run that is to notice that it is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NONE = "none"
"""Nothing is switched off."""
SHORT_POLL = "short-poll"
"""Only the poll interval is shorter: what ``no-keep-alive`` is compared with."""
FAULTY_HANDLE = "faulty-handle"
"""A record's handling raises now and then: what ``acknowledge-failed`` is compared with."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure; without it *row*, run at *scale* and with *settings* for the worker, is to go red."""

    name: str
    text: str
    row: str
    scale: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    compared_with: str = NONE
    """The switch under which the same run is to pass."""
    covered: str = ""
    """Where the row is to pass all the same: what stands behind the measure, and the test that is red without it."""


_SLOW_ROUNDS = {"activation": {"lingerSeconds": 1}}
"""Rounds of a second: what is not yet confirmed is much, and for long enough to be hit."""

MEASURES = (
    Measure(
        *("commit-in-flight", "Activation commits only below the oldest record that is not done.", "K1", 0.2),
        settings=_SLOW_ROUNDS,
    ),
    Measure(
        *("acknowledge-early", "A record is acknowledged when the broker has confirmed its rows.", "K1", 0.2),
        settings=_SLOW_ROUNDS,
    ),
    Measure("open-early", "No record flows before the profiles are recovered.", "K8", 0.1),
    Measure("no-keep-alive", "A member that may fetch nothing stays in its group.", "K9", compared_with=SHORT_POLL),
    Measure("unbounded-release", "A stop waits in a bounded time for what is under way.", "K9"),
    Measure("any-assignment", "A fetch belongs to one assignment.", "K11"),
    Measure("live-set", "Nothing is fetched of an input whose agent has no room.", "M1"),
    Measure("forget-acknowledged", "Activation commits what is done before its partitions go.", "K2", 0.5),
    Measure(
        *("acknowledge-failed", "A record whose handling raises is not acknowledged: the worker ends.", "E1"),
        compared_with=FAULTY_HANDLE,
    ),
    Measure("exports-first", "The changelog has what a round's exports tell before these are sent.", "D2"),
    Measure(
        *("store-early", "The disk is written when the broker has confirmed the rows.", "K1", 0.2),
        settings={"activation": {"lingerSeconds": 0.3}},
        covered="nothing: a record that is read again is done again, whether or not the disk knows it, and what others "
        "have written since is loaded over it; `test_the_disk_is_written_after_the_confirmation_and_before_the_"
        "acknowledgement` is red",
    ),
    Measure("no-idempotence", "What is written again after a lost answer stands there once.", "K10"),
    Measure(
        *("keep-abandoned", "What was not confirmed when its partitions went is never written later.", "K6"),
        settings=_SLOW_ROUNDS,
    ),
    Measure("read-uncommitted", "Only committed records of the inputs are read.", "X1"),
    Measure("deliver-in-flight", "Delivery commits only below the oldest export that has not ended.", "K1", 0.2),
    Measure("no-drain", "Delivery waits for its open requests before its partitions go.", "K2", 0.5),
    Measure("no-last-commit", "Delivery commits what has ended before its partitions go.", "K2", 0.5),
    Measure("no-bitmap", "A commit tells which exports above it have ended.", "STUCK", 0.2),
    Measure("park-unconfirmed", "A dead letter ends its export when the broker has confirmed it.", "D1"),
    Measure("no-patience", "A `Retry-After` is kept, by the whole destination.", "H2", 0.4),
    Measure("no-second-sending", "A request that a keep-alive race has lost is sent again at once.", "H4", 0.4),
    Measure("read-answers", "Of an answer no more than 16 KiB is read.", "H5", 0.4),
    Measure("no-storm-guard", "A storm of refusals pauses the destination.", "H9"),
    Measure("many-probes", "At fault one request at a time finds out whether that is over.", "H9"),
    Measure("running-clock", "A record's time stands while nothing is delivered.", "OUTAGE", 0.2),
    Measure("no-clock-of-their-own", "The time of what holds up all others runs.", "AHEAD"),
    Measure("blame-the-destination", "A 403 is the record's where others are taken.", "FORBID", 0.4),
    Measure("no-rate", "No more requests go out than `maxRequestsPerSecond` allows.", "OUTAGE", 0.2),
    Measure("no-lease", "Nothing is written once the lease has lapsed.", "K3"),
    Measure("no-first-start", "Profiles are read first where nothing was ever read.", "FIRST", 0.1),
    Measure("keep-stale", "A state that was not in use for long is built anew.", "R1"),
    Measure("forget-owed", "What a topic refuses is noted as owed before the record is acknowledged.", "A1"),
    Measure("forget-forbidden", "What a policy forbids is owed, and exported once it is allowed.", "POLICY", 0.34),
    Measure("post-forbidden", "To a destination that a policy forbids nothing is posted.", "POLICY", 0.34),
    Measure("keep-rendered", "What was withdrawn from a destination is posted no more.", "LIFE", 0.4),
    Measure("reset-offsets", "Offsets never reset by themselves.", "R2"),
)

NAMES = (*(measure.name for measure in MEASURES), SHORT_POLL, FAULTY_HANDLE)
