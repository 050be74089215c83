"""What several invariants ask of the ledgers: which request is about what, when an export was resolved, and so on."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from functools import cached_property
from typing import NamedTuple

from tests.faults import bitmaps
from tests.faults.evidence import Commit, Evidence, Export, Fault, Letter, Obligation, Place, Request
from tests.faults.profiles import Said, said_by

NEVER = float("inf")
SNAPSHOT_SECONDS = 0.3
"""How long before it is seen a commit may have been put together."""


WIRE_SECONDS = 0.5
"""How long after its sender is gone a request may still be read, on a busy machine."""


class Repeatable(NamedTuple):
    """What a crash may make to be done again: delivery posts, and activation writes, since their last commits."""

    fault: Fault
    accepted: frozenset[Export]
    """Exports accepted since the last commit, or while the crash lasted, of which no commit before it tells."""
    written: frozenset[str]
    """Ids whose exports were written since the last commit of the inputs."""

    @property
    def until(self) -> float:
        """When the crash was over."""
        return self.fault.ended or self.fault.began

    def came_between(self, before: float, after: float) -> bool:
        """Whether the crash came between two moments."""
        return self.fault.began <= after and before <= self.until


class Facts:
    """Evidence, looked up from several sides; each side is worked out once."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self._said: dict[bytes, Said | None] = {}
        self._told: dict[Commit, frozenset[int]] = {}

    def said(self, body: bytes) -> Said | None:
        """Return what a body is about; None when no profile has such a body."""
        if body not in self._said:
            self._said[body] = said_by(body)
        return self._said[body]

    @cached_property
    def about(self) -> dict[str, list[tuple[Request, Said]]]:
        """All requests of each profile, in the order of arrival."""
        found: dict[str, list[tuple[Request, Said]]] = defaultdict(list)
        for request in self.evidence.requests:
            said = self.said(request.body)
            if said is not None:
                found[said.profile].append((request, said))
        return found

    @cached_property
    def by_key(self) -> dict[str, list[Request]]:
        """All requests of each id, in the order of arrival."""
        found: dict[str, list[Request]] = defaultdict(list)
        for request in self.evidence.requests:
            found[request.key].append(request)
        return found

    @cached_property
    def parked(self) -> dict[str, Letter]:
        """The dead letter of each id that has one, the first."""
        return {each.key: each for each in reversed(self.evidence.letters) if each.key is not None}

    @cached_property
    def rows(self) -> dict[str, list[Export]]:
        """The exports of each id; more than one where activation has repeated it."""
        found: dict[str, list[Export]] = defaultdict(list)
        for row in self.evidence.exports:
            found[row.key].append(row)
        return found

    @cached_property
    def rows_of(self) -> dict[str, list[Export]]:
        """The exports of each profile, by offset."""
        found: dict[str, list[Export]] = defaultdict(list)
        for row in sorted(self.evidence.exports, key=lambda each: (each.partition, each.offset)):
            found[row.profile].append(row)
        return found

    @cached_property
    def deliveries(self) -> dict[int, list[tuple[float, float]]]:
        """When what was delivered of each partition's exports arrived, and when it was answered."""
        found: dict[int, list[tuple[float, float]]] = defaultdict(list)
        for request in self.evidence.requests:
            if request.delivered and request.ended is not None and request.key in self.rows:
                found[self.rows[request.key][0].partition].append((request.arrived, request.ended))
        return found

    @cached_property
    def ended(self) -> dict[str, float]:
        """When each id was first delivered or parked."""
        found: dict[str, float] = {}
        for request in self.evidence.requests:
            if request.delivered and request.ended is not None:
                found[request.key] = min(request.ended, found.get(request.key, NEVER))
        for key, letter in self.parked.items():
            found[key] = min(letter.at, found.get(key, NEVER))
        return found

    @cached_property
    def resolved(self) -> dict[tuple[int, int], float]:
        """When each export, by partition and offset, was delivered, or parked, or behind a newer one that was."""
        found: dict[tuple[int, int], float] = {}
        for rows in self.rows_of.values():
            newest: Export | None = None
            for row in rows:
                at = self.ended.get(row.key, NEVER)
                if newest is not None and newest.revision > row.revision:
                    at = min(at, self.ended.get(newest.key, NEVER))
                else:
                    newest = row
                found[row.partition, row.offset] = min(at, self._withdrawn(row, rows))
        return found

    def _withdrawn(self, row: Export, rows: list[Export]) -> float:
        """Return when an export that tells too much was given up for a newer one: when that was asked for.

        It is a later one of its profile that must have come to its end; NEVER where none has.
        """
        began = [each.began for each in self.evidence.withdrawals if row.at <= each.ended]
        asked = [at for at in self.asked.get(row.profile, ()) if began and at >= min(began)]
        later = any(each.offset > row.offset and self.ended.get(each.key, NEVER) < NEVER for each in rows)
        return min(asked, default=NEVER) if later else NEVER

    @cached_property
    def asked(self) -> dict[str, list[float]]:
        """When it was asked for each profile to be exported anew."""
        found: dict[str, list[float]] = defaultdict(list)
        for each in self.evidence.asked:
            if each.replayed is None:
                found[each.profile].append(each.at)
        return found

    @cached_property
    def owed(self) -> list[Obligation]:
        """The obligations that came while the destination was there."""
        evidence = self.evidence
        return [each for each in evidence.obligations if evidence.owed_from <= each.at < evidence.owed_until]

    @cached_property
    def commits(self) -> dict[tuple[str, Place], list[Commit]]:
        """The commits of each group and partition, in the order they were seen."""
        found: dict[tuple[str, Place], list[Commit]] = defaultdict(list)
        for commit in self.evidence.commits:
            found[commit.group, (commit.topic, commit.partition)].append(commit)
        return found

    @cached_property
    def repeatable(self) -> list[Repeatable]:
        """For each crash the ids that may be repeated after it."""
        return [self._repeatable(fault) for fault in self.evidence.faults if fault.crash]

    def _repeatable(self, fault: Fault) -> Repeatable:
        """Work out what was under way.

        A crash ends what it hits within its own time: with a worker frozen or a broker away, what is finished
        meanwhile is not committed either.
        """
        evidence, until = self.evidence, fault.ended or fault.began
        delivered_since = self._since(evidence.delivery_group, fault)
        written_since = self._since(evidence.activation_group, fault)
        late = {
            request.key
            for request in evidence.requests
            if request.accepted
            and had_left(request, until)
            and (request.ended is None or request.ended >= delivered_since)
        }
        return Repeatable(
            fault,
            accepted=frozenset(row for key in late for row in self.rows.get(key, ()) if self._is_open(row, fault)),
            written=frozenset(row.key for row in evidence.exports if written_since <= row.at <= until),
        )

    def _is_open(self, row: Export, fault: Fault) -> bool:
        """Whether an export was there before a crash was over, and not committed when it came."""
        if row.at > (fault.ended or fault.began):
            return False
        return fault.forgets or not self.was_committed(row, fault.began)

    def was_committed(self, row: Export, moment: float) -> bool:
        """Whether the last commit seen by *moment* says, and rightly, that an export has ended."""
        times, commits = self._delivered[row.partition]
        place = bisect_right(times, moment)
        if not place or self.resolved[row.partition, row.offset] > times[place - 1]:
            return False
        last = commits[place - 1]
        return row.offset < last.offset or row.offset in self.told(last)

    @cached_property
    def _delivered(self) -> dict[int, tuple[list[float], list[Commit]]]:
        """The commits of delivery by partition, and when each was seen."""
        found: dict[int, tuple[list[float], list[Commit]]] = defaultdict(lambda: ([], []))
        for commit in self.evidence.commits:
            if (commit.group, commit.topic) == (self.evidence.delivery_group, self.evidence.exports_topic):
                times, commits = found[commit.partition]
                times.append(commit.at)
                commits.append(commit)
        return found

    def told(self, commit: Commit) -> frozenset[int]:
        """Return the offsets of which the text beside a commit says that they have ended."""
        if commit not in self._told:
            self._told[commit] = bitmaps.ended(commit.metadata, commit.offset)
        return self._told[commit]

    def _since(self, group: str, fault: Fault) -> float:
        """Return when the last commit before a crash was put together, at the latest."""
        if fault.forgets:
            return 0.0
        if fault.commit_seconds is not None:
            return fault.began - fault.commit_seconds
        return self.last_commit(group, fault) - SNAPSHOT_SECONDS

    def last_commit(self, group: str, fault: Fault) -> float:
        """Return the moment after which the last commit that was seen before a crash was made; 0 if none was."""
        seen = [each.after for each in self.evidence.commits if each.group == group and each.at <= fault.began]
        return max(seen, default=0.0)


def had_left(request: Request, moment: float) -> bool:
    """Whether a request had been sent by a *moment*; one that nobody waited for any more may have been on the wire."""
    return request.arrived <= moment or (request.arrived <= moment + WIRE_SECONDS and not request.sent)
