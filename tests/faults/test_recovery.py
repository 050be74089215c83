"""Seconds to recover are those that the partition waited which waited longest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults import recovery
from tests.faults.evidence import Evidence, Export, Fault, Request
from tests.faults.facts import Facts


def a_run(*deliveries: tuple[int, float], faults: list[Fault]) -> Facts:
    """Return the facts of a run with *deliveries*, each a partition and when it was delivered."""
    evidence = Evidence("app", "app.exports.crm.1", "app.delivery.crm.1", "app", faults=faults)
    exports = [Export(partition, n, 0.0, "p", f"id-{n}", n, b"") for n, (partition, _) in enumerate(deliveries)]
    requests = [
        Request(n, at - 0.1, at, f"id-{n}", "POST /v1", b"", 204, at, sent=True) for n, (_, at) in enumerate(deliveries)
    ]
    return Facts(replace(evidence, exports=exports, requests=requests))


@pytest.mark.parametrize(
    ("began", "ended", "expected"),
    [(1.5, 1.5, 7.5), (0.5, 2.5, 8.0), (9.5, 9.5, 2.5), (12.0, 12.0, None)],
)
def test_the_partition_that_waited_longest_counts_from_the_fault_on(
    began: float, ended: float, expected: float | None
) -> None:
    facts = a_run((0, 1.0), (1, 1.0), (0, 2.0), (1, 9.0), (0, 3.0), (0, 12.0), faults=[Fault("SIGKILL", began, ended)])

    assert recovery.seconds(facts) == expected


def test_what_was_posted_before_the_fault_is_no_delivery_after_it() -> None:
    assert recovery.seconds(a_run((0, 1.55), (0, 7.0), faults=[Fault("SIGSTOP", 1.5, 1.5)])) == 5.5


def test_a_pause_in_which_the_next_crash_comes_is_told_there() -> None:
    kills = [Fault("SIGKILL", at, at, crash=True) for at in (1.0, 5.0)]

    assert recovery.seconds(a_run((0, 0.5), (0, 8.0), faults=kills)) == 3.0


def test_without_a_fault_there_is_nothing_to_recover_from() -> None:
    assert recovery.seconds(a_run((0, 1.0), (0, 9.0), faults=[])) is None
