from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.events import Status
from streams.activation.profiles import Profile
from streams.activation.slots import write
from streams.ends import RecordEnd
from streams.exports import Position
from tests.records import NOW_MS, Life, a_fragment, a_membership, change_of

NAMES = ("realized", "existing", "exited")
moments = st.integers(0, 3)
arrivals = st.tuples(st.sampled_from(NAMES), moments, st.integers(0, 5))


def put(profile: Profile, topic: str, value: bytes | None, offset: int, timestamp: int = NOW_MS) -> bool:
    return bool(write(profile, change_of(topic, value), Position(topic, 0, offset, timestamp)))


lives = st.lists(arrivals, min_size=1, max_size=5, unique_by=lambda arrival: arrival[2])


@settings(deadline=None)
@given(lives)
def test_an_older_time_never_overrides_a_newer_one(records: list[Any]) -> None:
    profile = Profile()
    newest = 0
    for status, second, offset in records:
        put(profile, "memberships", a_membership(second=second, status=status), offset)
        newest = max(newest, second)

        assert profile.memberships["ups"]["a"].time_us % 60_000_000 == newest * 1_000_000


@settings(deadline=None)
@given(lives, st.randoms())
def test_memberships_converge_in_whatever_order_they_arrive(records: list[Any], random: Any) -> None:
    slots = []
    for order in (records, random.sample(records, len(records))):
        profile = Profile()
        for status, second, offset in order:
            put(profile, "memberships", a_membership(second=second, status=status), offset)
        slots.append(profile.memberships)

    assert slots[0] == slots[1]
    newest = max(records, key=lambda record: (record[1], record[0] == "exited", record[2]))
    assert slots[0]["ups"]["a"].status == newest[0]


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
def test_at_equal_times_the_exit_beats_the_entry(order: tuple[int, ...]) -> None:
    profile = Profile()
    records = [("qualifications", a_membership(second=1)), ("exits", a_membership(second=1))]
    for number in order:
        put(profile, *records[number], offset=9 - number)

    assert profile.memberships["ups"]["a"].status is Status.EXITED


def test_a_microsecond_decides() -> None:
    profile = Profile()
    put(profile, "qualifications", a_membership(second=1.000002), 0)

    assert not put(profile, "exits", a_membership(second=1.000001), 0)


def test_a_record_without_an_identity_map_leaves_the_identities() -> None:
    profile = Profile()
    put(profile, "qualifications", a_membership(ids={"ecid": [{"id": "1"}]}), 0)
    before = profile.identities["qualifications"]

    put(profile, "qualifications", a_membership(second=5), 1)

    assert profile.identities == {"qualifications": before}


def test_identities_of_a_record_whose_membership_is_older_still_count() -> None:
    profile = Profile()
    put(profile, "qualifications", a_membership(second=5), 0)

    assert put(profile, "qualifications", a_membership(second=1, ids={"ecid": [{"id": "1"}]}), 1)
    assert profile.identities["qualifications"].position.offset == 1
    assert profile.memberships["ups"]["a"].position.offset == 0


def test_a_null_empties_both_slots_and_leaves_its_name() -> None:
    profile = Profile()
    put(profile, "profiles", a_fragment(a=1, identityMap={"ecid": [{"id": "1"}]}), 0)
    put(profile, "profiles", None, 1)

    for slot in (profile.fragments["profiles"], profile.identities["profiles"]):
        assert slot.text is None
        assert slot.position.offset == 1
    assert not put(profile, "profiles", a_fragment(a=1, identityMap={"ecid": [{"id": "1"}]}), 0)


def test_a_later_offset_replaces_a_fragment_whatever_its_timestamp() -> None:
    profile = Profile()
    put(profile, "profiles", a_fragment(a=1), 0, timestamp=NOW_MS)
    put(profile, "profiles", a_fragment(a=2), 1, timestamp=NOW_MS - 5_000)

    assert profile.fragments["profiles"].text == a_fragment(a=2)


def test_a_source_that_moved_to_another_topic_is_taken_by_timestamp() -> None:
    profile = Profile()
    change = change_of("profiles", a_fragment(a=1))
    write(profile, change, Position("profiles", 0, 100, NOW_MS))

    assert not write(profile, change, Position("profiles-2", 0, 0, NOW_MS - 1))
    assert write(profile, change, Position("profiles-2", 0, 1, NOW_MS + 1))


def test_a_record_that_a_slot_names_is_written_again_as_repeated() -> None:
    profile = Profile()
    change = change_of("qualifications", a_membership(ids={"ecid": [{"id": "1"}]}))
    position = Position("qualifications", 0, 3, NOW_MS)
    write(profile, change, position)

    again = write(profile, change, position)

    assert [entry.repeated for entry in again.memberships] == [True]
    assert again.identities is not None
    assert again.identities.repeated


def test_one_that_is_over_when_it_is_read_again_does_not_end_what_took_its_place() -> None:
    life = Life()
    life.take("qualifications", a_membership("a", 1, until_ms=NOW_MS + 500), offset=3)
    life.take("qualifications", a_membership("a", 1), offset=4)

    again = life.take("qualifications", a_membership("a", 1, until_ms=NOW_MS + 500), offset=3, now=NOW_MS + 600)

    assert (again.end, life.profile.memberships["ups"]["a"].inside) == (RecordEnd.OVERTAKEN, True)
    life.take("qualifications", a_membership("a", 1, until_ms=NOW_MS + 500), offset=5, now=NOW_MS + 600)
    assert not life.profile.memberships["ups"]["a"].inside
