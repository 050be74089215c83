"""What is counted of many profiles: segments of all, attributes of a sample, no value and no name that may be one."""

from __future__ import annotations

from typing import Any

import msgspec

from streams.activation.profiles import encode_profile
from streams.activation.tallies import Seen, Tally, together
from tests.records import Life, a_fragment, a_membership


def a_tally(*profiles: Life, sampled: int = 1_000) -> Tally:
    tally = Tally(sampled)
    for number, life in enumerate(profiles):
        tally.see(b"profile-%d" % number, encode_profile(life.profile))
    return tally


def a_life(*memberships: tuple[str, str], **fragment: Any) -> Life:
    life = Life()
    for segment, status in memberships:
        life.take("memberships", a_membership(segment, status=status))
    if fragment:
        life.take("profiles", a_fragment(**fragment))
    return life


def segments(seen: Seen) -> dict[str, dict[str, int]]:
    return {each.segment: each.statuses for each in seen.segments}


def paths(seen: Seen) -> dict[str, int]:
    return {each.path: each.profiles for each in seen.attributes}


def test_segments_are_counted_by_status_over_all_profiles() -> None:
    tally = a_tally(
        a_life(("a", "realized"), ("b", "exited")), a_life(("a", "existing")), a_life(("a", "realized")), sampled=1
    )

    assert segments(tally.seen()) == {"a": {"realized": 2, "existing": 1}, "b": {"exited": 1}}
    assert tally.seen().profiles == 3


def test_attributes_are_counted_once_a_profile_with_the_sources_that_say_them() -> None:
    life = a_life(person={"email": "a@b", "name": None}, tags=["x"], empty={}, identityMap={"ecid": [{"id": "1"}]})
    life.take("loyalty", a_fragment(person={"email": "c@d"}, points=3))
    seen = a_tally(life, a_life(person={"email": "e@f"})).seen()

    assert paths(seen) == {"person.email": 2, "tags": 1, "empty": 1, "points": 1}
    assert seen.attributes[0].sources == ("loyalty", "profiles")
    assert (seen.sampled, seen.identities) == (2, {"ecid": 1})


def test_the_sample_is_bounded_and_depends_on_the_keys_alone() -> None:
    lives = [a_life(**{f"n{number}": 1}) for number in range(40)]
    states = [(b"profile-%d" % number, encode_profile(life.profile)) for number, life in enumerate(lives)]
    one, other = Tally(10), Tally(10)
    for key, state in states:
        one.see(key, state)
    for key, state in reversed(states):
        other.see(key, state)

    assert (one.seen().profiles, one.seen().sampled) == (40, 10)
    assert paths(one.seen()) == paths(other.seen())


def test_names_that_may_be_data_are_not_told() -> None:
    lives = [a_life(orders={f"order{n}": {"price": 1} for n in range(60 * part, 60 * part + 60)}) for part in (0, 1)]
    odd = a_life(**{"amira@example.com": 1, "0791234567": 1, "fine": 1})

    assert paths(a_tally(*lives, odd).seen()) == {"orders.*": 2, "fine": 1}


def test_a_profile_that_was_forgotten_is_none() -> None:
    life = a_life(("a", "realized"), person={"email": "a@b"})
    life.take("profiles", None)

    assert a_tally(life).seen().profiles == 0


def test_more_segments_than_can_be_told_apart_are_counted_together(monkeypatch: Any) -> None:
    monkeypatch.setattr("streams.activation.tallies.MOST_SEGMENTS", 2)
    seen = a_tally(a_life(("a", "realized"), ("b", "realized"), ("c", "realized"))).seen()

    assert (len(seen.segments), seen.other_memberships) == (2, 1)


def test_partitions_add_up_and_it_reads_back_from_json() -> None:
    one = a_tally(a_life(("b", "realized"), person={"email": "a"})).seen()
    other = a_tally(a_life(("a", "exited"), ("b", "exited"), person={"email": "b"}, points=1)).seen()

    whole = together([one, msgspec.json.decode(msgspec.json.encode(other), type=Seen)])

    assert segments(whole) == {"a": {"exited": 1}, "b": {"realized": 1, "exited": 1}}
    assert paths(whole) == {"person.email": 2, "points": 1}
    assert (whole.profiles, whole.sampled, whole.identities) == (2, 2, {})
    assert together([]).profiles == 0
