"""I3: the same id always has the same bytes, and what is repeated was in flight or not yet committed at a crash."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import NamedTuple

from tests.faults.evidence import Export, Fault, Request
from tests.faults.facts import Facts, had_left

SEEN_SECONDS = 30.0
"""How old a commit may be that a crash without a known commit interval is judged by."""


class Repeat(NamedTuple):
    """A request whose id had been accepted before; *before* is the last one of that id, *cause* the crash, if any."""

    before: Request
    again: Request
    cause: Fault | None


def check(facts: Facts) -> Iterator[str]:
    """I3: no id stands for two bodies, and each repetition has a crash that explains it, once for each export."""
    for key, requests in facts.by_key.items():
        bodies = {request.body for request in requests} | {row.body for row in facts.rows.get(key, ())}
        if len(bodies) > 1:
            yield f"the id {key} stands for {len(bodies)} bodies"
    found, replayed = repeats(facts), _replayed(facts)
    for before, again, cause in found:
        if cause is None and replayed[again.key]:
            replayed[again.key] -= 1  # once for each time that it was asked for
        elif cause is None:
            yield f"request {again.number} repeats {before.number} ({before.key}), and no crash says why"
        elif _is_settled(facts, again):
            yield f"request {again.number} repeats {before.number} ({before.key}), which had been committed"
    yield from _unknown(facts)
    yield from _unasked(facts)


def _replayed(facts: Facts) -> Counter[str]:
    """Return how often each id was written once more since an operator has asked for it."""
    return Counter(row.key for row in facts.evidence.exports if row.replays)


def _unasked(facts: Facts) -> Iterator[str]:
    """Nothing is replayed that nobody has asked for, nor more often than it was asked for."""
    asked = Counter(each.replayed for each in facts.evidence.asked)
    for key, count in _replayed(facts).items():
        if count > asked[key]:
            yield f"the id {key} was replayed {count} times, and asked for {asked[key]} times"


def replays(facts: Facts) -> int:
    """Return how many repetitions operators have asked for, at most."""
    return _replayed(facts).total()


def _is_settled(facts: Facts, again: Request) -> bool:
    """Whether all exports of its id were committed as ended before it came, and no crash has taken commits away."""
    rows = [row for row in facts.rows.get(again.key, ()) if row.at <= again.arrived]
    forgotten = any(each.fault.forgets and each.fault.began <= again.arrived for each in facts.repeatable)
    return not forgotten and bool(rows) and all(facts.was_committed(row, again.arrived) for row in rows)


def _unknown(facts: Facts) -> Iterator[str]:
    """Who judges by the last commit that was seen must have seen one."""
    groups = (facts.evidence.delivery_group, facts.evidence.activation_group)
    for fault in (each.fault for each in facts.repeatable if each.fault.commit_seconds is None):
        for group in groups:
            if (age := fault.began - facts.last_commit(group, fault)) > SEEN_SECONDS:
                yield f"the last commit of {group} seen before {fault.what} was {age:.0f} s old"


def repeats(facts: Facts) -> list[Repeat]:
    """Return the duplicates: requests whose id an endpoint had accepted before they arrived."""
    found, crashes = [], explained(facts)
    for requests in facts.by_key.values():
        before: Request | None = None
        for request in requests:
            if before is not None:
                found.append(Repeat(before, request, _cause(crashes, request)))
            if before is not None or request.accepted:
                before = request
    return found


def bounds(facts: Facts) -> list[tuple[Fault, int]]:
    """Return for each crash how many repetitions it explains at most."""
    return [(each.fault, each.posted.total() + each.written.total()) for each in explained(facts)]


class Explained(NamedTuple):
    """How often a crash explains that an id comes again."""

    fault: Fault
    posted: Counter[str]
    """Each export that was under way is posted once more."""
    written: Counter[str]
    """Each export that activation wrote once more is posted, too."""


def explained(facts: Facts) -> list[Explained]:
    """Return what each crash explains."""
    again: dict[float, set[Export]] = defaultdict(set)
    for first, second in chain.from_iterable(map(pairwise, facts.rows.values())):
        if (fault := _written_again(facts, first, second)) is not None:
            again[fault.began].add(second)
    return [
        Explained(each.fault, _ids(each.accepted), _ids(again[each.fault.began] - each.accepted))
        for each in facts.repeatable
    ]


def _ids(exports: Iterable[Export]) -> Counter[str]:
    return Counter(row.key for row in exports)


def _cause(crashes: list[Explained], again: Request) -> Fault | None:
    """Return the crash that explains a repetition, and count it there.

    It is the last one at which the id was under way, however often it was before; or one that made it be written again.
    """
    before = [each for each in reversed(crashes) if not had_left(again, each.fault.began)]
    last = next((each for each in before if again.key in each.posted), None)
    ways = [] if last is None else [(last.fault, last.posted)]
    for fault, ids in [*ways, *((each.fault, each.written) for each in before)]:
        if ids[again.key] > 0:
            ids[again.key] -= 1
            return fault
    return None


def _written_again(facts: Facts, first: Export, second: Export) -> Fault | None:
    """Return the crash that came soon after an export was written, so that it was written once more."""
    early, late = sorted((first.at, second.at))  # what was under way longer may have come to the topic later
    for each in reversed(facts.repeatable):
        if first.key in each.written and each.came_between(early, late):
            return each.fault
    return None
