from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.groups.gaps import Found, judge
from streams.groups.gaps import Gap as FoundGap
from streams.status.overview import Look, Overview, next_offset, overview, waiting
from streams.status.shapes import Gap, Report, Stage
from streams.status.table import duration, ranges, tables
from tests.status.reports import NOW, a_destination, a_worker

DONE, OPEN = Found(10, 0, 10), Found(7, 0, 10)


def the_overview(*reports: Report, found: Found = OPEN, oldest: int | None = NOW - 60_000) -> Overview:
    dated = {} if oldest is None else {1: oldest}
    inputs = [Look(topic="profiles", group="shop", found={0: DONE, 1: DONE})]
    judged = judge(found, None)
    gaps = {1: judged} if isinstance(judged, FoundGap) else {}
    exports = {"crm.1": Look(topic="shop.exports.crm.1", group="g", found={0: DONE, 1: found}, oldest=dated, gaps=gaps)}
    return overview("shop", reports, inputs, exports, NOW)


def told(*reports: Report, found: Found = OPEN) -> str:
    return "\n".join(
        "  ".join((table.title, *table.heads, *(cell for row in table.rows for cell in row), table.hint))
        for table in tables(the_overview(*reports, found=found))
    )


@given(st.none() | st.integers(0, 50), st.integers(0, 30), st.integers(30, 60))
def test_what_waits_is_what_lies_between_the_commit_and_the_end(
    committed: int | None, beginning: int, end: int
) -> None:
    found = Found(committed, beginning, end)

    assert waiting(found) == sum(1 for offset in range(beginning, end) if committed is None or offset >= committed)
    assert waiting(found) == 0 or beginning <= next_offset(found) < end


def test_without_a_worker_lag_and_age_are_told_and_all_partitions_belong_to_nobody() -> None:
    (crm,) = the_overview().destinations

    assert (crm.state, crm.queue.lag, crm.queue.oldest_age_seconds, crm.queue.unowned) == ("unknown", 3, 60.0, (0, 1))
    assert "no worker runs" in told()


def test_a_stale_workers_partitions_belong_to_nobody_and_its_states_count_no_more() -> None:
    stale = a_worker(written_at=NOW - 60_000)
    seen = the_overview(stale, a_destination(state="faulted"))

    assert [each.live for each in seen.workers] == [False]
    assert (seen.destinations[0].state, seen.destinations[0].queue.unowned) == ("unknown", (0, 1))
    assert seen.inputs[0].unowned == (0, 1)


def test_two_workers_share_a_destination_and_the_worst_state_is_shown() -> None:
    seen = the_overview(
        a_worker("a"),
        a_worker("b", stages={}),
        a_destination("a", partitions=(0,), ends={"delivered": 3}, pending=1),
        a_destination("b", partitions=(1,), ends={"delivered": 4}, state="faulted", reason="unauthorized", since=7),
    )
    (crm,) = seen.destinations

    assert (crm.state, crm.reason, crm.since, crm.pending) == ("faulted", "unauthorized", 7, 1)
    assert crm.ends == {"delivered": 7}
    assert [each.owners for each in crm.queue.partitions] == [("a",), ("b",)]
    assert seen.inputs[0].partitions[1].owners == ("a",)


def test_a_destination_whose_topic_refuses_what_activation_writes_is_faulted_though_it_is_delivered() -> None:
    stage = Stage(ready=True, partitions=(0, 1), faulted={"crm.1": "not-authorized"})
    seen = the_overview(a_worker("a", stages={"activation": stage}), a_destination("a"))

    assert (seen.destinations[0].state, seen.destinations[0].reason) == ("faulted", "not-authorized")


def test_what_policies_forbid_is_told_with_the_way_to_it_also_where_its_topic_refuses() -> None:
    stage = Stage(ready=True, partitions=(0, 1), faulted={"crm.1": "topic-missing"})
    lineage = "policy no-c2 denies Export to Third Party: C2 on person"
    reports = (
        a_worker("a", stages={"activation": stage}),
        a_destination("a", state="forbidden", reason="policy", details=lineage),
    )
    (crm,) = the_overview(*reports).destinations

    assert (crm.state, crm.reason, crm.details) == ("forbidden", "policy", lineage)
    assert f"crm: forbidden, {lineage}" in told(*reports)
    assert "streams policies evaluate" in told(*reports)


def test_a_state_that_this_release_does_not_know_is_not_called_the_worst() -> None:
    seen = the_overview(a_worker("a"), a_destination("a", state="resting"))

    assert seen.destinations[0].state == "resting"


def test_gaps_come_from_the_workers_and_where_none_runs_from_the_offsets() -> None:
    gap = Gap(stage="delivery", topic="shop.exports.crm.1", partition=1, cause="offsets-lost")
    worker = a_worker(stages={"delivery": Stage(ready=True, gaps=(gap,))})
    overtaken = Found(2, 5, 10)

    assert the_overview(worker, found=overtaken).gaps == (gap,)
    (found,) = the_overview(found=overtaken).gaps
    assert (found.stage, found.cause, found.gone) == ("delivery", "retention", 3)
    assert the_overview().gaps == ()
    assert "streams gaps accept" in told(found=overtaken)
    assert "streams gaps accept" not in told()


def test_what_is_not_ready_yet_is_told_with_its_progress() -> None:
    stage = Stage(ready=False, missing="activation has not joined and recovered", first_start={0: 40, 1: 2})
    text = told(a_worker(ready=False, stages={"activation": stage}))

    assert "activation has not joined and recovered" in text
    assert "42 profile records before the others, partitions 0-1" in text
    assert "under way" not in told(a_worker())


def test_numbers_are_told_as_ranges_and_times_in_two_units() -> None:
    assert [ranges(numbers) for numbers in ([], [3], [0, 1, 2, 5, 7, 8])] == ["-", "3", "0-2,5,7-8"]
    assert [duration(seconds) for seconds in (0, 59, 61, 3_700, 90_000)] == [
        "0 s",
        "59 s",
        "1 min 1 s",
        "1 h 1 min",
        "1 d 1 h",
    ]
