from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.events import Change
from streams.activation.expiries import next_due
from streams.activation.profiles import Profile, Told, decode_profile, encode_profile
from streams.ends import Exclusion, RecordEnd
from streams.exports import Position, export_id, namespace_of
from tests.record_streams import DESTINATIONS, Record, applied, streams
from tests.records import NOW_MS, Life, a_destination, a_fragment, a_membership, an_activation, an_attribute, change_of

IDS = {"ecid": [{"id": "1"}]}


def without_revisions(profile: Profile) -> Profile:
    """Return *profile* without what may differ: revisions, and whether one who is not told "in" was told "out"."""
    copy = decode_profile(encode_profile(profile))
    copy.revision, copy.due = 0, next_due(copy)
    copy.told = {incarnation: Told(0, inside=True) for incarnation, told in copy.told.items() if told.inside}
    return copy


@settings(deadline=None)
@given(streams)
def test_applying_twice_is_applying_once_for_the_state(records: list[Record]) -> None:
    activation = an_activation(*DESTINATIONS)
    once, twice = Profile(), Profile()
    for record in records:
        activation.apply(once, record.change(), record.position, NOW_MS)
        activation.apply(twice, record.change(), record.position, NOW_MS)
        activation.apply(twice, record.change(), record.position, NOW_MS + 5)

        assert without_revisions(once) == without_revisions(twice)


@settings(deadline=None)
@given(streams)
def test_a_record_done_again_sends_again_what_it_had_sent(records: list[Record]) -> None:
    activation = an_activation(*DESTINATIONS)
    profile = Profile()
    for record in records:
        first = activation.apply(profile, record.change(), record.position, NOW_MS)
        again = activation.apply(profile, record.change(), record.position, NOW_MS)

        assert {(e.id, e.body) for e in first.exports} <= {(e.id, e.body) for e in again.exports}
        assert again.end is not RecordEnd.OVERTAKEN or first.end is RecordEnd.OVERTAKEN or not first.exports


@settings(deadline=None)
@given(streams)
def test_the_books_close(records: list[Record]) -> None:
    activation = an_activation(*DESTINATIONS)
    profile = Profile()
    for record in records:
        before = encode_profile(profile)
        step = activation.apply(profile, record.change(), record.position, NOW_MS)

        ends = {destination.name: end for destination, end, _ in step.considered}
        assert len(ends) == len(step.considered)
        assert [e.destination.name for e in step.exports] == [n for n, e in ends.items() if e is RecordEnd.ACTIVATED]
        assert all((end is RecordEnd.EXCLUDED) is (why is not None) for _, end, why in step.considered)
        order = [RecordEnd.ACTIVATED, RecordEnd.EXCLUDED, RecordEnd.NOT_TRIGGERED]
        if step.end is RecordEnd.OVERTAKEN:
            assert not ends
        else:
            assert step.end is min([*ends.values(), RecordEnd.NOT_TRIGGERED], key=order.index)
        assert step.written is (encode_profile(profile) != before)


@settings(deadline=None)
@given(streams)
def test_an_applied_profile_is_the_same_after_encoding(records: list[Record]) -> None:
    profile = applied(records)

    assert decode_profile(encode_profile(profile)) == profile


@settings(deadline=None)
@given(streams, st.lists(st.integers(NOW_MS - 10, NOW_MS + 10), min_size=30, max_size=30))
def test_the_revision_never_goes_back_whatever_the_clock_does(records: list[Record], clock: list[int]) -> None:
    activation = an_activation(*DESTINATIONS)
    profile = Profile()
    for record, now in zip(records, clock, strict=False):
        before = profile.revision
        step = activation.apply(profile, record.change(), record.position, now)

        assert profile.revision == (max(before + 1, now) if step.written else before)
        assert all(export.meta.revision == profile.revision for export in step.exports)


def test_an_export_says_where_it_comes_from() -> None:
    life = Life(an_activation(a_destination(version=4)))
    export = life.take("qualifications", a_membership("a", 1.5), offset=7).exports[0]

    assert export.meta.version == 4
    assert export.meta.revision == life.profile.revision
    assert (export.meta.trigger, export.meta.source) == ("entered", "qualifications-0-7")
    assert (export.meta.time, export.meta.segments) == (1_590_364_801_500, ("a",))
    position = Position("qualifications", 0, 7, NOW_MS)
    assert export.id == export_id(namespace_of("crm.1"), position.text, export.body)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_body_is_on_one_line_however_its_sources_are_written(end: bytes) -> None:
    def spread(value: bytes) -> bytes:
        return json.dumps(json.loads(value), indent=2).encode().replace(b"\n", end)

    ids = {"ecid": [{"id": "1"}], "email": [{"id": "a\nb"}, {"id": "c"}, {"id": "c"}]}
    life = Life(an_activation(a_destination(attributes=[an_attribute("person")])))
    life.take("profiles", spread(a_fragment(person={"name": "a\r\nb", "tags": [1, {"x": []}]}, identityMap=ids)))
    life.take("loyalty", spread(a_fragment(person={"level": {"of": 2}}, identityMap={"ecid": [{"id": "2"}]})))
    life.take("qualifications", spread(a_membership(ids=ids)))

    assert life.last["person"] == {"name": "a\r\nb", "tags": [1, {"x": []}], "level": {"of": 2}}
    assert not [each.body for each in life.exports if b"\n" in each.body or b"\r" in each.body]


def test_one_record_with_several_segments_is_one_export_per_destination() -> None:
    life = Life(an_activation(a_destination("crm", segments=["a", "b"]), a_destination("ads", segments=["b", "c"])))
    entry = {"lastQualificationTime": "2020-05-25T10:00:00Z"}
    value = json.dumps({"segmentMembership": {"ups": {"a": entry, "b": entry, "c": entry}}}).encode()

    step = life.take("qualifications", value)

    assert [export.destination.name for export in step.exports] == ["crm", "ads"]
    assert [export.meta.segments for export in step.exports] == [("a", "b"), ("b", "c")]


def test_an_entry_waits_for_mandatory_attributes_and_heals_when_they_come() -> None:
    destination = a_destination(attributes=[an_attribute("person.email", mandatory=True)])
    life = Life(an_activation(destination))

    step = life.take("qualifications", a_membership())
    assert step.considered == [(destination, RecordEnd.EXCLUDED, Exclusion.MANDATORY_ATTRIBUTE_MISSING)]
    assert life.profile.told == {}

    step = life.take("profiles", a_fragment(person={"email": "one@example.com"}))
    assert step.end is RecordEnd.ACTIVATED
    assert life.profile.told == {"crm.1": Told(life.profile.revision, inside=True, trigger="attribute")}


def test_an_exit_never_waits_even_if_the_entry_was_never_seen() -> None:
    destination = a_destination(attributes=[an_attribute("person.email", mandatory=True)])
    life = Life(an_activation(destination))

    step = life.take("exits", a_membership())

    assert step.end is RecordEnd.ACTIVATED
    assert life.last["segmentMembership"]["ups"]["a"]["status"] == "exited"
    assert life.profile.told["crm.1"].inside is False


def test_an_exit_done_again_is_told_though_the_entry_that_replaced_it_waits() -> None:
    life = Life(an_activation(a_destination(segments=["a", "b"], attributes=[an_attribute("email", mandatory=True)])))
    life.take("exits", a_membership("a", 1), offset=3)
    assert life.take("qualifications", a_membership("a", 2)).end is RecordEnd.EXCLUDED
    assert life.take("qualifications", a_membership("a", 3, status="existing")).end is RecordEnd.NOT_TRIGGERED

    step = life.take("exits", a_membership("a", 1), offset=3)

    assert (step.end, step.written) == (RecordEnd.ACTIVATED, True)
    assert life.last["segmentMembership"]["ups"] == {
        "a": {"lastQualificationTime": "2020-05-25T00:00:01Z", "status": "exited"}
    }
    assert life.profile.memberships["ups"]["a"].inside


def test_an_exit_done_again_after_an_entry_that_need_not_wait_tells_of_the_entry() -> None:
    life = Life()
    life.take("exits", a_membership("a", 1), offset=3)
    life.take("qualifications", a_membership("a", 2))

    assert life.take("exits", a_membership("a", 1), offset=3).end is RecordEnd.ACTIVATED
    assert life.last["segmentMembership"]["ups"]["a"]["status"] == "realized"


def test_only_the_latest_exit_before_an_entry_is_done_again() -> None:
    life = Life()
    for second, (topic, offset) in enumerate(
        [("exits", 3), ("qualifications", 0), ("exits", 4), ("qualifications", 1)]
    ):
        life.take(topic, a_membership("a", second), offset=offset)

    assert life.take("exits", a_membership("a", 0), offset=3).end is RecordEnd.OVERTAKEN
    assert life.take("exits", a_membership("a", 2), offset=4).end is RecordEnd.ACTIVATED


def test_identities_and_attributes_trigger_only_inside_a_mapped_segment() -> None:
    life = Life()
    life.take("qualifications", a_membership("unmapped", ids=IDS))
    life.take("profiles", a_fragment(person={"email": "one@example.com"}))

    assert life.exports == []


def test_an_old_exit_is_exported_though_its_record_is_older_than_thirty_days() -> None:
    life = Life()

    life.take("exits", a_membership(), timestamp=0)

    assert life.last["segmentMembership"]["ups"]["a"]["status"] == "exited"


def test_a_source_that_flips_which_fragment_is_the_newest_changes_the_value() -> None:
    life = Life()
    life.take("profiles", a_fragment(person={"email": "one@example.com"}), timestamp=NOW_MS)
    life.take("loyalty", a_fragment(person={"email": "two@example.com"}), timestamp=NOW_MS + 1)
    life.take("qualifications", a_membership())

    step = life.take("profiles", a_fragment(person={"email": "one@example.com"}), timestamp=NOW_MS + 2)

    assert step.end is RecordEnd.ACTIVATED
    assert life.last["person"]["email"] == "one@example.com"


@pytest.mark.parametrize("value", [a_fragment(person={"email": "x"}, other=1), b'{"person":{"email":"\\u0078"}}'])
def test_the_same_value_written_otherwise_triggers_nothing(value: bytes) -> None:
    life = Life()
    life.take("profiles", a_fragment(person={"email": "x"}))
    life.take("qualifications", a_membership())

    assert life.take("profiles", value).end is RecordEnd.NOT_TRIGGERED


def test_a_step_shows_no_body() -> None:
    life = Life()
    life.take("profiles", a_fragment(person={"email": "one@example.com"}))

    assert "example" not in repr(life.take("qualifications", a_membership())).replace("api.example.com", "")


def test_records_of_two_profiles_do_not_meet() -> None:
    activation = an_activation()
    change: Change = change_of("qualifications", a_membership(ids=IDS))
    one, other = Profile(), Profile()

    activation.apply(one, change, Position("qualifications", 0, 0, NOW_MS), NOW_MS)

    assert encode_profile(other) == encode_profile(Profile())
    assert one.identities.keys() == {"qualifications"}


def test_what_a_destination_was_told_is_kept_by_incarnation() -> None:
    known: Any = {}
    for number in (1, 2):
        life = Life(an_activation(a_destination(number=number)))
        life.take("qualifications", a_membership())
        known |= life.profile.told

    assert known.keys() == {"crm.1", "crm.2"}


LIMITED = a_destination("crm", segments=["a", "b"], attributes=["email"], since=NOW_MS)
EARLY = NOW_MS - 1


def test_a_record_from_before_since_is_known_and_leads_to_nothing_for_that_destination() -> None:
    unlimited = a_destination("all", segments=["a"], attributes=["email"])
    life = Life(an_activation(LIMITED, unlimited))

    step = life.take("qualifications", a_membership("a", 1), timestamp=EARLY)

    assert step.considered == [
        (LIMITED, RecordEnd.EXCLUDED, Exclusion.BEFORE_SINCE),
        (unlimited, RecordEnd.ACTIVATED, None),
    ]
    assert [export.destination for export in step.exports] == [unlimited]
    assert life.profile.memberships["ups"].keys() == {"a"}
    assert life.profile.told.keys() == {"all.1"}


def test_a_later_change_of_a_member_from_before_since_is_exported_with_all_mapped_memberships() -> None:
    life = Life(an_activation(LIMITED))
    life.take("qualifications", a_membership("a", 1), timestamp=EARLY)
    life.take("exits", a_membership("b", 1), timestamp=EARLY)

    step = life.take("profiles", a_fragment(email="one@example.com"), timestamp=NOW_MS)

    assert step.end is RecordEnd.ACTIVATED
    statuses = {segment: entry["status"] for segment, entry in life.last["segmentMembership"]["ups"].items()}
    assert statuses == {"a": "realized", "b": "exited"}


def test_since_counts_the_timestamp_of_the_record_and_not_the_time_of_its_event() -> None:
    life = Life(an_activation(LIMITED))

    assert life.take("qualifications", a_membership("a", 1), timestamp=NOW_MS).end is RecordEnd.ACTIVATED


def test_an_exit_from_before_since_is_told_to_who_was_told_of_the_profile_and_to_nobody_else() -> None:
    life = Life(an_activation(LIMITED))
    assert life.take("exits", a_membership("b", 1), timestamp=EARLY).end is RecordEnd.EXCLUDED
    life.take("qualifications", a_membership("a", 1), timestamp=NOW_MS)

    assert life.take("qualifications", a_membership("b", 2), timestamp=EARLY).end is RecordEnd.EXCLUDED
    for now in (NOW_MS, NOW_MS + 5):  # the same when it is read again
        step = life.take("exits", a_membership("a", 3), offset=4, timestamp=EARLY, now=now)
        assert step.end is RecordEnd.ACTIVATED
    assert life.last["segmentMembership"]["ups"]["a"]["status"] == "exited"


def test_a_record_from_before_since_is_done_again_for_the_one_whose_place_it_took() -> None:
    life = Life(an_activation(LIMITED))
    assert life.take("qualifications", a_membership("a", 1), timestamp=NOW_MS).end is RecordEnd.ACTIVATED
    assert life.take("qualifications", a_membership("a", 2), timestamp=EARLY).end is RecordEnd.NOT_TRIGGERED

    again = life.take("qualifications", a_membership("a", 1), offset=0, timestamp=NOW_MS)
    assert again.end is RecordEnd.OVERTAKEN, "the other one has its duty"

    assert life.take("qualifications", a_membership("a", 2), offset=1, timestamp=EARLY).end is RecordEnd.ACTIVATED


def test_who_was_told_in_is_sent_the_withdrawal_of_a_null_from_before_since() -> None:
    life = Life(an_activation(LIMITED))
    life.take("qualifications", a_membership("a", 1), timestamp=NOW_MS)

    assert life.take("profiles", None, timestamp=EARLY).end is RecordEnd.ACTIVATED


def test_an_exit_from_before_since_read_again_after_a_null_is_still_told_to_nobody() -> None:
    life = Life(an_activation(LIMITED))
    life.take("exits", a_membership("a", 1), offset=4, timestamp=EARLY)
    life.take("profiles", None, timestamp=NOW_MS)

    assert life.take("exits", a_membership("a", 1), offset=4, timestamp=EARLY).exports == []


def test_a_now_that_was_never_fixed_is_refused() -> None:
    with pytest.raises(ValueError, match="crm"):
        an_activation(a_destination("crm", since="now"))
