"""The judge is judged: a good ledger is green, and each thing that can go wrong turns exactly its invariant red."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.changes import given_up, posted, rows_of_one, unrepeated, without
from tests.faults.checker import violations
from tests.faults.evidence import Asked, Evidence, Letter, Limits
from tests.faults.facts import Facts
from tests.faults.good_ledgers import (
    EXPORTS,
    MEMBERSHIPS,
    PROFILES,
    TAKEOVER_SECONDS,
    Writer,
    good_ledgers,
    narrowed_ledgers,
    with_requests,
)
from tests.faults.mishaps import input_committed_ahead
from tests.faults.mutations import MUTATIONS
from tests.faults.narrowings import NARROWINGS
from tests.faults.profiles import State
from tests.faults.repeats import bounds
from tests.faults.verdict import verdict

UNHURRIED = settings(deadline=None)
"""A busy machine is no failure."""


@UNHURRIED
@given(good_ledgers())
def test_a_run_in_which_all_went_well_breaks_nothing(evidence: Evidence) -> None:
    assert violations(evidence) == {}


@pytest.mark.parametrize(
    ("invariant", "mutate"),
    [pytest.param(name, each, id=f"{name}-{each.__name__}") for name, all_ in MUTATIONS.items() for each in all_],
)
@UNHURRIED
@given(evidence=good_ledgers(), data=st.data())
def test_what_goes_wrong_turns_exactly_its_invariant_red(
    invariant: str, mutate: Callable[[Evidence, st.DataObject], Evidence], evidence: Evidence, data: st.DataObject
) -> None:
    assert set(violations(mutate(evidence, data))) == {invariant}


@UNHURRIED
@given(narrowed_ledgers())
def test_a_run_in_which_an_attribute_is_withdrawn_breaks_nothing(evidence: Evidence) -> None:
    assert violations(evidence) == {}


@pytest.mark.parametrize(
    ("invariant", "mutate"),
    [pytest.param(name, each, id=f"{name}-{each.__name__}") for name, all_ in NARROWINGS.items() for each in all_],
)
@UNHURRIED
@given(evidence=narrowed_ledgers(), data=st.data())
def test_what_goes_wrong_with_a_withdrawal_turns_exactly_its_invariant_red(
    invariant: str, mutate: Callable[[Evidence, st.DataObject], Evidence], evidence: Evidence, data: st.DataObject
) -> None:
    assert set(violations(mutate(evidence, data))) == {invariant}


@UNHURRIED
@given(evidence=narrowed_ledgers(), data=st.data())
def test_nothing_is_owed_that_came_before_a_destination_was_there_or_since_it_goes(
    evidence: Evidence, data: st.DataObject
) -> None:
    row = rows_of_one(evidence, data)[-1]
    of_one = [each for each in evidence.obligations if each.profile == row.profile]
    stranger = replace(of_one[-1], profile="nobody", state=State(0, 1), offset=10_000, topic=MEMBERSHIPS)
    before, after = replace(stranger, at=of_one[0].at - 1.0), replace(stranger, at=of_one[-1].at + 100.0)
    begin, end = evidence.obligations[0].at, of_one[-1].at + 50.0

    for each in (before, after):
        more = replace(evidence, obligations=[*evidence.obligations, each])
        assert set(violations(more)) == {"I1"}
        assert violations(replace(more, owed_from=begin, owed_until=end)) == {}


@UNHURRIED
@given(evidence=good_ledgers(), data=st.data())
def test_what_a_topic_that_refuses_is_owed_may_be_committed_before_it_is_exported(
    evidence: Evidence, data: st.DataObject
) -> None:
    ahead = input_committed_ahead(evidence, data)
    at = ahead.commits[0].at

    assert set(violations(ahead)) == {"I2"}
    assert violations(replace(ahead, refusals=[(at - 0.001, at + 0.001)])) == {}
    assert set(violations(replace(ahead, refusals=[(at + 0.001, at + 1.0)]))) == {"I2"}


@UNHURRIED
@given(evidence=good_ledgers(), data=st.data())
def test_a_dead_letter_ends_an_export_as_a_delivery_does(evidence: Evidence, data: st.DataObject) -> None:
    row = rows_of_one(evidence, data)[-1]
    letter = Letter(0, 0, row.at + 0.001, EXPORTS, (row.partition, row.offset), "refused", row.key, row.body, "{}")

    refused = [replace(r, status=422) if r.key == row.key else r for r in evidence.requests]
    assert violations(replace(with_requests(evidence, refused), letters=[letter])) == {}


@UNHURRIED
@given(evidence=good_ledgers(), data=st.data())
def test_what_has_failed_for_as_long_as_it_may_is_rightly_given_up(evidence: Evidence, data: st.DataObject) -> None:
    exhausted = given_up(evidence, rows_of_one(evidence, data)[-1], after_seconds=9.5)

    assert violations(exhausted) == {}
    assert set(violations(replace(exhausted, limits=Limits()))) == {"I1"}


@UNHURRIED
@given(evidence=good_ledgers(), data=st.data())
def test_what_an_operator_lets_be_sent_once_more_may_arrive_again_as_often_as_that_was_asked_for(
    evidence: Evidence, data: st.DataObject
) -> None:
    evidence = unrepeated(evidence)
    row = rows_of_one(evidence, data)[-1]
    asked, again = Asked(row.profile, row.at, "crm.1", row.key), replace(row, offset=10_000, replays=1)
    replayed = replace(evidence, exports=[*evidence.exports, again], asked=[asked])

    assert violations(posted(replayed, row.key, row.body)) == {}
    assert set(violations(posted(posted(replayed, row.key, row.body), row.key, row.body))) == {"I3"}
    assert set(violations(replace(replayed, asked=[]))) == {"I3"}


def test_patience_is_the_whole_destinations_up_to_its_cap_and_only_of_one_worker() -> None:
    writer = Writer(partitions=1)
    for number in (0, 1):
        writer.put(number, is_fragment=True)
        writer.put(number, is_fragment=False)
    first, second = writer.requests
    told = replace(first, status=429, retry_after=1e9, ended=first.arrived + 0.001)
    first.arrived, first.ended = first.arrived + 4.0, first.arrived + 4.1
    second.arrived, second.ended = second.arrived + 2.0, second.arrived + 2.1
    evidence = replace(with_requests(writer.evidence(), [told, second, first]), limits=Limits(patience_seconds=3.0))

    assert [text[:37] for text in violations(evidence)["I10"]] == ["request 2 came 0.951 s before the tim"]
    assert violations(replace(evidence, limits=Limits(patience_seconds=1.5))) == {}
    assert violations(replace(evidence, limits=Limits(patience_seconds=3.0, workers=2))) == {}


def test_a_rate_is_kept_over_a_long_time_and_not_within_a_second() -> None:
    writer = Writer(partitions=1)
    for _ in range(30):
        writer.put(0, is_fragment=False)
    evidence = writer.evidence()

    assert violations(replace(evidence, limits=Limits(requests_per_second=2.5))) == {}
    assert set(violations(replace(evidence, limits=Limits(requests_per_second=2.4)))) == {"I10"}


@UNHURRIED
@given(evidence=good_ledgers(), data=st.data())
def test_an_export_behind_a_newer_one_that_was_delivered_is_resolved(evidence: Evidence, data: st.DataObject) -> None:
    row = rows_of_one(evidence, data)[-1]
    behind = replace(row, offset=10_000, key="id-behind", revision=row.revision - 1, at=row.at + 0.001)

    assert violations(replace(evidence, exports=[*evidence.exports, behind])) == {}


@UNHURRIED
@given(good_ledgers())
def test_a_profile_that_never_was_in_a_segment_owes_nothing(evidence: Evidence) -> None:
    members = {each.profile for each in evidence.obligations if each.is_membership}
    stranger = replace(evidence.obligations[0], profile="nobody", topic=PROFILES, offset=10_000)

    assert "nobody" not in members
    assert violations(replace(evidence, obligations=[*evidence.obligations, stranger])) == {}


@UNHURRIED
@given(evidence=good_ledgers(), data=st.data())
def test_a_result_counts_what_was_lost_repeated_and_out_of_order(evidence: Evidence, data: st.DataObject) -> None:
    rows = rows_of_one(evidence, data)
    worse = without(evidence, rows[-1].key)
    result = verdict("K1", "a kill", 7, worse, 60.0)

    assert not result.passed
    assert result.lost
    assert result.duplicates == len(worse.requests) - len({request.key for request in worse.requests})
    assert result.order_violations == 0


def test_what_was_on_the_wire_at_a_crash_belongs_to_the_one_before() -> None:
    writer = Writer(partitions=1)
    writer.put(0, is_fragment=True)
    writer.put(0, is_fragment=False)
    writer.redeliver(0, 1)
    writer.requests[-1].sent = False
    second = replace(writer.crashes[-1], began=writer.requests[-1].arrived, ended=writer.requests[-1].arrived)
    writer.crashes.append(second)
    writer.now += TAKEOVER_SECONDS
    writer.post(writer.exports[-1].key, writer.exports[-1].body)
    evidence = writer.evidence()

    assert violations(evidence) == {}
    assert [most for _, most in bounds(Facts(evidence))] == [1, 1]
