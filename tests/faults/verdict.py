"""From the ledgers of a run to its result: what was lost, repeated, out of order, and whether all invariants held."""

from __future__ import annotations

from tests.faults import checker, politeness, recovery, repeats
from tests.faults.evidence import Evidence, Fault
from tests.faults.facts import NEVER, Facts
from tests.faults.repeats import Repeat
from tests.faults.result import Result

SHOWN = 5
"""How many violations of each invariant a result carries."""


def verdict(row: str, what: str, seed: int, evidence: Evidence, seconds: float) -> Result:
    """Judge a run."""
    facts = Facts(evidence)
    broken = checker.violations(evidence)
    repeated = repeats.repeats(facts)
    bounds = {fault.began: most for fault, most in repeats.bounds(facts)}
    return Result(
        row=row,
        seed=seed,
        what=what,
        records=len(evidence.obligations),
        in_flight=max((open_at(evidence, fault.began) for fault in evidence.faults), default=0),
        lost=lost(facts),
        duplicates=len(repeated),
        duplicates_bound=sum(bounds.values()) + repeats.replays(facts),
        order_violations=len(broken.get("I4", [])),
        recovery_seconds=rounded(recovery.seconds(facts)),
        passed=not broken,
        seconds=round(seconds, 1),
        violations={name: [f"{len(texts)} in all", *texts[:SHOWN]] for name, texts in broken.items()},
        figures={
            "requests": len(evidence.requests),
            "exports": len(evidence.exports),
            "dead_letters": len(evidence.letters),
            "most_open": politeness.most_open(evidence.requests),
            "peak_rss_mib": max((vital.rss_bytes for vital in evidence.vitals), default=0) // 1024**2,
            "faults": [
                figures(evidence, facts, fault, repeated) | {"bound": bounds.get(fault.began, 0)}
                for fault in evidence.faults
            ],
        },
    )


def rounded(seconds: float | None) -> float | None:
    """Return seconds as they are told."""
    return None if seconds is None else round(seconds, 2)


def lost(facts: Facts) -> int:
    """Return how many obligations no delivered or dead-lettered export covers, and exports that never ended."""
    unresolved = sum(at == NEVER for at in facts.resolved.values())
    return len(checker.uncovered(facts)) + unresolved


def open_at(evidence: Evidence, moment: float) -> int:
    """Return how many requests were open at a moment."""
    return sum(request.open_at(moment) for request in evidence.requests)


def figures(evidence: Evidence, facts: Facts, fault: Fault, repeated: list[Repeat]) -> dict[str, object]:
    """Return what a fault hit: open requests, exports that had arrived and were not committed, what was repeated."""
    because = sum(each.cause is fault for each in repeated)
    return {
        "what": fault.what,
        "seconds": rounded(None if fault.ended is None else fault.ended - fault.began),
        "open": open_at(evidence, fault.began),
        "not_committed": not_committed(evidence, facts, fault.began),
        "repeated": because,
        "longest_pause": rounded(recovery.longest(facts, fault)),
        **fault.figures,
    }


def not_committed(evidence: Evidence, facts: Facts, moment: float) -> int:
    """Return how many exports had surely been fetched, since they were posted, and were not committed."""
    posted = {request.key for request in evidence.requests if request.arrived <= moment}
    rows = [row for key in posted for row in facts.rows.get(key, ()) if row.at <= moment]
    return len({row.key for row in rows if not facts.was_committed(row, moment)})
