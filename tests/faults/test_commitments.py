"""What of an input may be committed before its own export: what a later record of the profile speaks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.faults.commitments import check
from tests.faults.evidence import Commit, Evidence
from tests.faults.facts import Facts
from tests.faults.good_ledgers import ACTIVATION, MEMBERSHIPS, STEP_SECONDS, Writer

STEPS = 5


def judged(commits: Sequence[tuple[int, float]]) -> list[str]:
    """Return what I2 tells of *commits*, as (offset, when after the records) of a run that exports its last step."""
    writer = Writer(partitions=1)
    for _ in range(STEPS):
        writer.put(0, is_fragment=False)
    evidence = writer.evidence()
    return list(check(Facts(replace(evidence, exports=evidence.exports[-1:], commits=_commits(evidence, commits)))))


def _commits(evidence: Evidence, commits: Sequence[tuple[int, float]]) -> list[Commit]:
    put_in = evidence.obligations[-1].at
    return [
        Commit(ACTIVATION, MEMBERSHIPS, 0, offset, "", put_in + after - STEP_SECONDS, put_in + after)
        for offset, after in commits
    ]


WRITTEN = STEP_SECONDS
"""When the export is written, after the last record is there."""


def test_what_a_later_record_speaks_for_may_be_committed_however_many_lie_between() -> None:
    assert judged([(STEPS - 1, 0.1 * WRITTEN), (STEPS, 2 * WRITTEN)]) == []


def test_who_speaks_for_others_may_not_be_committed_before_the_export() -> None:
    told = judged([(STEPS, 0.1 * WRITTEN)])

    assert len(told) == STEPS
    assert told[-1].startswith(f"{MEMBERSHIPS}-0-{STEPS - 1} was committed")
