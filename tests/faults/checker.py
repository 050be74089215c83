"""The judge: pure functions over the ledgers of a run, one for each invariant, each of which tells what breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.faults import commitments, politeness, repeats, withdrawals
from tests.faults.evidence import Evidence, Letter
from tests.faults.facts import NEVER, Facts
from tests.faults.profiles import State

REFUSING = (307, 403, 404, 422)
"""What the endpoint answers that ends an export as a dead letter."""
CLOCK_SECONDS = 1.0
"""How far two clocks of one machine may be apart, by which an export is tried and judged."""


def conservation(facts: Facts) -> Iterator[str]:
    """I1: each obligation is in an export that was delivered or rightly parked, and each export is resolved."""
    for obligation in uncovered(facts):
        yield f"{obligation} is in no export that was delivered or dead-lettered"
    for row in facts.evidence.exports:
        if facts.resolved[row.partition, row.offset] == NEVER:
            yield f"export {row.partition}-{row.offset} ({row.key}) was neither delivered nor dead-lettered"
    yield from _undeserved(facts)


def _undeserved(facts: Facts) -> Iterator[str]:
    """Tell of dead letters that nothing explains: exports that nobody refused, records with which nothing is wrong."""
    refused = {request.key for request in facts.evidence.requests if request.status in REFUSING}
    sound = {(each.topic, each.partition, each.offset) for each in facts.evidence.obligations}
    for letter in facts.evidence.letters:
        place = f"{letter.topic}-{letter.origin[0]}-{letter.origin[1]}"
        if letter.key is not None and letter.key not in refused and not _is_exhausted(facts, letter):
            yield f"{place} was dead-lettered ({letter.reason}) although the endpoint had not refused it"
        if (letter.topic, *letter.origin) in sound:
            yield f"{place} was dead-lettered ({letter.reason}) although nothing is wrong with it"


def _is_exhausted(facts: Facts, letter: Letter) -> bool:
    """Whether an export was tried for as long as it may take, and failed."""
    patience, tries = facts.evidence.limits.exhausts_seconds, facts.by_key.get(letter.key or "", ())
    return patience is not None and any(each.arrived + patience <= letter.at + CLOCK_SECONDS for each in tries)


def uncovered(facts: Facts) -> list[str]:
    """Return where the obligations stand that no delivered or dead-lettered export covers."""
    known: dict[str, list[State]] = {}
    for profile, requests in facts.about.items():
        known[profile] = [said.state for request, said in requests if request.delivered]
    refused = set()
    for letter in facts.evidence.letters:
        refused.add((letter.topic, *letter.origin))
        said = facts.said(letter.value) if letter.value is not None and letter.key is not None else None
        if said is not None:
            known.setdefault(said.profile, []).append(said.state)
    members = {each.profile for each in facts.evidence.obligations if each.is_membership}
    highest = {profile: _frontier(states) for profile, states in known.items()}
    return [
        f"{each.topic}-{each.partition}-{each.offset}"
        for each in facts.owed
        if each.profile in members  # of who was never in a segment, nothing is sent
        and (each.topic, each.partition, each.offset) not in refused
        and not any(state.includes(each.state) for state in highest.get(each.profile, ()))
    ]


def _frontier(states: list[State]) -> list[State]:
    """Return one state with the highest version, and one with the highest step: they cover what any covers."""
    return [max(states), max(states, key=lambda state: state.step)] if states else []


def order(facts: Facts) -> Iterator[str]:
    """I4: per profile the first requests of its exports come in order, and the last delivery is the newest state."""
    for requests in facts.about.values():
        seen = set[str]()
        newest = State(0, 0)
        for request, said in requests:
            if request.key in seen:
                continue
            seen.add(request.key)
            if not said.state.includes(newest):
                yield f"request {request.number} ({request.key}) came first after a newer one of its profile"
            newest = State(max(newest.version, said.state.version), max(newest.step, said.state.step))
    yield from _stale_ends(facts)


def _stale_ends(facts: Facts) -> Iterator[str]:
    for requests in facts.about.values():
        accepted = [(request, said) for request, said in requests if request.accepted]  # whether or not it was heard
        if not accepted:
            continue
        last, said = accepted[-1]
        if not all(said.state.includes(other.state) for _, other in accepted):
            yield f"request {last.number} ({last.key}) was accepted last and is not the newest of its profile"


def content(facts: Facts) -> Iterator[str]:
    """I5: each request is an export, and its body what the records that were put in make of a state of its profile."""
    known = {(each.profile, each.state) for each in facts.evidence.obligations}
    for request in facts.evidence.requests:
        said = facts.said(request.body)
        if request.key not in facts.rows:
            yield f"request {request.number} ({request.key}): no export has its id"
        elif said is None:
            yield f"request {request.number} ({request.key}): its body is no state of a profile"
        elif withheld := said.lacks - withdrawals.begun(facts, request.arrived):
            yield f"request {request.number} ({request.key}): it lacks {', '.join(withheld)}, which nobody withdrew"
        elif not _is_known(said.profile, said.state, known):
            yield f"request {request.number} ({request.key}): nobody has put in what it says"


def _is_known(profile: str, state: State, known: set[tuple[str, State]]) -> bool:
    parts = [State(state.version, 0), State(0, state.step)]
    return all((profile, part) in known for part in parts if part != State(0, 0))


def silence(facts: Facts) -> Iterator[str]:
    """I6: no canary is in a log, metric, dead-letter header or status."""
    for place, text in facts.evidence.texts.items():
        for canary in facts.evidence.canaries:
            if canary in text:
                at = text.index(canary)
                line = text[text.rfind("\n", 0, at) + 1 : at].strip()[-80:]
                yield f"{place} tells a canary after {line!r}"


def reach(facts: Facts) -> Iterator[str]:
    """I7: nothing was connected to that is not allowed."""
    if facts.evidence.forbidden_accepts:
        yield f"a forbidden listener was connected to {facts.evidence.forbidden_accepts} times"


def bounds(facts: Facts) -> Iterator[str]:
    """I8: memory, sockets and threads of each worker stay within their limits."""
    limits = facts.evidence.limits
    for vital in facts.evidence.vitals:
        for name, value, limit in (
            ("bytes of memory", vital.rss_bytes, limits.rss_bytes),
            ("sockets", vital.sockets, limits.sockets),
            ("threads", vital.threads, limits.threads),
        ):
            if value > limit:
                yield f"{vital.worker} had {value} {name}, more than {limit}"


def liveness(facts: Facts) -> Iterator[str]:
    """I9: what is put in after the last fault is delivered in time, and the run comes to its end."""
    if not facts.evidence.is_finished:
        yield "in the end not everything was committed, or requests were open"
    limit = facts.evidence.limits.recovery_seconds
    for fresh in facts.evidence.fresh:
        if fresh.delivered is None:
            yield "a record that was put in after the last fault was not delivered"
        elif fresh.delivered - fresh.produced > limit:
            yield f"a record that was put in after the last fault took {fresh.delivered - fresh.produced:.1f} s"


INVARIANTS: dict[str, Callable[[Facts], Iterator[str]]] = {
    "I1": conservation,
    "I2": commitments.check,
    "I3": repeats.check,
    "I4": order,
    "I5": content,
    "I6": silence,
    "I7": reach,
    "I8": bounds,
    "I9": liveness,
    "I10": politeness.check,
    "I11": withdrawals.check,
}


def violations(evidence: Evidence) -> dict[str, list[str]]:
    """Return, for each invariant that is broken, everything that breaks it."""
    facts = Facts(evidence)
    found = {name: list(check(facts)) for name, check in INVARIANTS.items()}
    return {name: texts for name, texts in found.items() if texts}
