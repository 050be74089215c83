"""I2: nothing is committed before it, and all below it, has ended; judged for each change of a commit that was seen."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from tests.faults.evidence import Commit, Obligation
from tests.faults.facts import NEVER, Facts


def check(facts: Facts) -> Iterator[str]:
    """I2: each commit is at most the lowest unresolved offset, of the exports and of the inputs, and none falls behind.

    What never ends at all is told by I1 alone.
    """
    yield from _exports(facts)
    yield from _inputs(facts)
    yield from _fallen(facts)


def _exports(facts: Facts) -> Iterator[str]:
    evidence = facts.evidence
    committed = _Committed(facts, evidence.delivery_group)
    for row in evidence.exports:
        resolved = facts.resolved[row.partition, row.offset]
        at = committed.when(evidence.exports_topic, row.partition, row.offset)
        if at < resolved < NEVER:
            yield f"export {row.partition}-{row.offset} was committed {resolved - at:.3f} s before it ended"
    yield from _told_ahead(facts)


def _told_ahead(facts: Facts) -> Iterator[str]:
    """What a commit tells to have ended above its offset must have ended, too: who takes over will skip it."""
    group, topic = facts.evidence.delivery_group, facts.evidence.exports_topic
    for (of, place), commits in facts.commits.items():
        if (of, place[0]) != (group, topic):
            continue
        for commit in commits:
            for offset in facts.told(commit):
                if commit.at < facts.resolved.get((place[1], offset), 0.0):  # an operator may have given it up
                    yield f"a commit of {place[1]}-{commit.offset} told that {offset} had ended, and it had not"


def _fallen(facts: Facts) -> Iterator[str]:
    """A commit that falls behind an earlier one makes all between them to be done again."""
    forgotten = [each.began for each in facts.evidence.faults if each.forgets]
    for (group, place), commits in facts.commits.items():
        for before, after in pairwise(commits):
            if after.offset < before.offset and not any(before.after <= moment <= after.at for moment in forgotten):
                yield f"{group} committed {place[0]}-{place[1]} at {before.offset}, then at {after.offset}"


def _inputs(facts: Facts) -> Iterator[str]:
    committed = _Committed(facts, facts.evidence.activation_group)
    parked = {(each.topic, *each.origin): each.at for each in facts.evidence.letters}
    for slot in _slots(facts.owed).values():
        for index, each in enumerate(slot):
            at = committed.when(each.topic, each.partition, each.offset)
            if at == NEVER or _is_inherited(slot[index + 1 :], at, committed) or _is_refused(facts, at):
                continue
            written = parked.get((each.topic, each.partition, each.offset), _written(facts, each))
            if at < written < NEVER:
                place = f"{each.topic}-{each.partition}-{each.offset}"
                yield f"{place} was committed {written - at:.3f} s before its export"


def _is_refused(facts: Facts, moment: float) -> bool:
    """Whether the exports topic refused then: its exports are owed, which I1 judges, and nobody waits for them."""
    return any(began <= moment <= ended for began, ended in facts.evidence.refusals)


def _slots(obligations: Sequence[Obligation]) -> dict[tuple[str, str], list[Obligation]]:
    """Return the obligations of each profile and topic by offset: each takes over the duty of those before it."""
    slots: dict[tuple[str, str], list[Obligation]] = defaultdict(list)
    for each in sorted(obligations, key=lambda one: one.offset):
        slots[each.profile, each.topic].append(each)
    return slots


def _is_inherited(later: Sequence[Obligation], at: float, committed: _Committed) -> bool:
    """Whether a later record of the same slot was there and not committed: its export speaks for all before it."""
    heir = next((each for each in reversed(later) if each.at <= at), None)
    return heir is not None and committed.when(heir.topic, heir.partition, heir.offset) > at


def _written(facts: Facts, each: Obligation) -> float:
    """Return when the first export that covers an obligation was written; at once where none was due."""
    first: float | None = None
    for row in facts.rows_of.get(each.profile, ()):
        first = row.at if first is None else first
        said = facts.said(row.body)
        if said is not None and said.state.includes(each.state):
            is_due = each.is_membership or first < each.at  # a fragment goes out if its profile is in a segment
            return row.at if is_due else 0.0
    return NEVER


class _Committed:
    """When each offset of a group was first seen to be committed."""

    def __init__(self, facts: Facts, group: str) -> None:
        self._times: dict[tuple[str, int], tuple[list[int], list[float]]] = {}
        for (of, place), commits in facts.commits.items():
            if of == group:
                self._times[place] = _rising(commits)

    def when(self, topic: str, partition: int, offset: int) -> float:
        """Return when a commit above *offset* was first seen, NEVER if none was."""
        offsets, times = self._times.get((topic, partition), ([], []))
        place = bisect_right(offsets, offset)
        return times[place] if place < len(times) else NEVER


def _rising(commits: list[Commit]) -> tuple[list[int], list[float]]:
    """Return the offsets that exceed all before them, and when each was seen."""
    offsets: list[int] = []
    times: list[float] = []
    for commit in commits:
        if not offsets or commit.offset > offsets[-1]:
            offsets.append(commit.offset)
            times.append(commit.at)
    return offsets, times
