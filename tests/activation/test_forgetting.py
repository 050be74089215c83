"""What a null forgets, and what each record does that comes afterwards, or comes once more."""

from __future__ import annotations

import json
from typing import Any

from streams.activation.profiles import Profile, encode_profile
from streams.activation.rendering import Step
from streams.ends import RecordEnd
from tests.records import NOW_MS, Life, a_destination, a_fragment, a_membership, an_activation, an_attribute

IDS = {"ecid": [{"id": "1"}]}
CRM = a_destination("crm", segments=["a", "b"], attributes=["email"])
ADS = a_destination("ads", segments=["c"], attributes=["email"])


def a_life(*topics: str, **others: Any) -> Life:
    """Return a member of a and b, whose address is known."""
    life = Life(an_activation(CRM, ADS), **others)
    life.take("profiles", a_fragment(email="one@example.com", identityMap={"email": [{"id": "one@example.com"}]}))
    life.take("qualifications", a_membership("a", 1, ids=IDS))
    life.take("qualifications", a_membership("b", 2))
    return life


def bodies(step: Step) -> list[tuple[str, Any]]:
    return [(export.destination.name, json.loads(export.body)) for export in step.exports]


def statuses(body: Any) -> dict[str, str]:
    return {segment: entry["status"] for segment, entry in body["segmentMembership"].get("ups", {}).items()}


def test_a_withdrawal_has_identities_and_exits_and_nothing_else_and_goes_to_who_was_told_in() -> None:
    life = a_life()

    step = life.take("profiles", None)

    ((name, body),) = bodies(step)
    assert (name, body.keys()) == ("crm", {"segmentMembership", "identityMap"})
    assert statuses(body) == {"a": "exited", "b": "exited"}
    assert body["identityMap"] == {"email": [{"id": "one@example.com"}], **IDS}
    assert step.end is RecordEnd.ACTIVATED
    assert step.considered == [(CRM, RecordEnd.ACTIVATED, None)]
    (export,) = step.exports
    assert (export.meta.trigger, export.meta.segments) == ("forgotten", ("a", "b"))


def test_the_attributes_are_gone_from_the_state_at_once() -> None:
    life = a_life()
    life.take("profiles", a_fragment(email="secret-address", identityMap=IDS))

    life.take("profiles", None)

    assert b"secret-address" not in encode_profile(life.profile)
    assert life.profile.is_blank


def test_who_was_told_out_or_nothing_is_sent_no_withdrawal() -> None:
    life = Life(
        an_activation(CRM, a_destination("ids", segments=["b"], attributes=[an_attribute("no", mandatory=True)]))
    )
    life.take("profiles", a_fragment(email="one@example.com"))
    life.take("qualifications", a_membership("a", 1))
    life.take("exits", a_membership("a", 2))
    life.take("qualifications", a_membership("b", 3))
    life.take("exits", a_membership("b", 4))
    life.take("qualifications", a_membership("unmapped", 5))
    assert life.profile.told["crm.1"].inside is False

    step = life.take("profiles", None)

    assert (step.end, step.written, step.exports) == (RecordEnd.NOT_TRIGGERED, True, [])


def test_an_entry_that_still_waits_is_forgotten_without_a_word() -> None:
    destination = a_destination(attributes=[an_attribute("email", mandatory=True)])
    life = Life(an_activation(destination))
    life.take("qualifications", a_membership("a", 1))

    step = life.take("profiles", None)

    assert step.considered == [(destination, RecordEnd.NOT_TRIGGERED, None)]
    assert life.exports == []
    assert life.profile.is_blank


def test_an_exit_of_more_than_thirty_days_stays_away_and_one_by_the_null_does_not() -> None:
    life = Life(an_activation(CRM))
    life.take("qualifications", a_membership("a", 1), timestamp=0)
    life.take("exits", a_membership("b", 2), timestamp=0)

    step = life.take("profiles", None, timestamp=1)

    ((_, body),) = bodies(step)
    assert statuses(body) == {"a": "exited"}


def test_a_null_while_another_source_has_a_fragment_is_a_change_like_any_other() -> None:
    life = a_life()
    life.take("loyalty", a_fragment(tier="gold"))

    step = life.take("profiles", None)

    assert life.profile.forgotten is None
    assert bodies(step)[0][1]["identityMap"] == IDS
    assert life.take("loyalty", None).exports[0].meta.trigger == "forgotten"


def test_a_profile_of_which_only_memberships_are_known_is_forgotten_too() -> None:
    life = Life(an_activation(CRM))
    life.take("qualifications", a_membership("a", 1))

    ((_, body),) = bodies(life.take("profiles", None))

    assert statuses(body) == {"a": "exited"}


def test_the_null_read_again_sends_the_same_again() -> None:
    life = a_life()
    first = life.take("profiles", None, offset=7)

    again = life.take("profiles", None, offset=7, now=NOW_MS + 5)

    assert [(e.id, e.body) for e in again.exports] == [(e.id, e.body) for e in first.exports]
    assert again.exports[0].meta.revision > first.exports[0].meta.revision


def test_the_null_read_again_in_a_new_life_is_followed_by_what_that_life_was_told() -> None:
    life = a_life()
    life.take("profiles", None, offset=7)
    life.take("profiles", a_fragment(email="new@example.com"))
    new = life.take("qualifications", a_membership("b", 5))

    again = life.take("profiles", None, offset=7)

    assert [export.body for export in again.exports] == [life.exports[2].body, new.exports[0].body]
    assert [export.meta.revision for export in again.exports] == [life.profile.revision - 1, life.profile.revision]
    assert len({export.id for export in again.exports}) == 2
    assert life.profile.told["crm.1"].inside
    assert [end for _, end, _ in again.considered] == [RecordEnd.ACTIVATED]


def test_a_second_null_sends_nothing_and_read_again_does_not_forget_who_came_after_it() -> None:
    life = a_life()
    life.take("profiles", None, offset=7)
    second = life.take("profiles", None, offset=8)
    life.take("qualifications", a_membership("a", 9))

    again = life.take("profiles", None, offset=8)

    assert (second.end, second.exports, second.written) == (RecordEnd.NOT_TRIGGERED, [], True)
    assert (again.end, again.exports) == (RecordEnd.OVERTAKEN, [])
    assert life.profile.memberships["ups"].keys() == {"a"}


def test_a_null_of_nobody_read_again_does_not_forget_who_came_after_it() -> None:
    life = Life(an_activation(CRM))
    life.take("profiles", None, offset=7)
    life.take("qualifications", a_membership("a", 1))

    life.take("profiles", None, offset=7)

    assert life.profile.memberships["ups"].keys() == {"a"}


def test_nothing_from_before_brings_the_person_back() -> None:
    life = a_life()
    life.take("loyalty", a_fragment(tier="gold"), offset=3)
    life.take("qualifications", a_membership("unmapped", 3), offset=9)
    life.take("loyalty", None, offset=4)
    life.take("profiles", None, offset=7)

    for topic, value, offset in [
        ("profiles", a_fragment(email="one@example.com"), 0),
        ("loyalty", a_fragment(tier="gold"), 3),
        ("loyalty", None, 4),
        ("qualifications", a_membership("a", 1, ids=IDS), 0),
        ("qualifications", a_membership("unmapped", 3), 9),
    ]:
        step = life.take(topic, value, offset=offset)
        assert (step.end, step.written) == (RecordEnd.OVERTAKEN, False), topic
    assert life.profile.is_blank


def test_an_older_event_of_a_segment_brings_nobody_back_a_newer_one_does() -> None:
    life = a_life()
    life.take("profiles", None)

    assert life.take("qualifications", a_membership("b", 1), offset=20).end is RecordEnd.OVERTAKEN
    ((_, body),) = bodies(life.take("qualifications", a_membership("b", 3), offset=21))
    assert statuses(body) == {"b": "realized"}
    assert body.keys() == {"segmentMembership"}


def test_an_exit_that_comes_afterwards_is_sent_as_any_exit_is() -> None:
    life = a_life()
    life.take("profiles", None)

    ((_, body),) = bodies(life.take("exits", a_membership("a", 5)))

    assert statuses(body) == {"a": "exited"}
    assert body.keys() == {"segmentMembership"}


def test_an_exit_from_before_is_sent_once_more_where_the_null_sends_nothing() -> None:
    life = a_life()
    for segment, second in (("a", 3), ("b", 4)):
        life.take("exits", a_membership(segment, second), offset=second)
    assert life.take("profiles", None).exports == []

    step = life.take("exits", a_membership("b", 4), offset=4)

    ((_, body),) = bodies(step)
    assert statuses(body) == {"a": "exited", "b": "exited"}
    assert body.keys() == {"segmentMembership", "identityMap"}
    assert life.profile.is_blank


def test_an_exit_whose_entry_waits_is_sent_once_more_even_after_two_nulls() -> None:
    destination = a_destination(segments=["a", "b"], attributes=[an_attribute("email", mandatory=True)])
    life = Life(an_activation(destination))
    life.take("exits", a_membership("a", 1), offset=3)
    life.take("exits", a_membership("b", 1), offset=4)
    life.take("qualifications", a_membership("a", 2))
    life.take("profiles", None, offset=5)
    life.take("qualifications", a_membership("b", 3))
    life.take("profiles", None, offset=6)

    for offset, segment in ((3, "a"), (4, "b")):
        ((_, body),) = bodies(life.take("exits", a_membership(segment, 1), offset=offset))
        assert statuses(body) == {"a": "exited", "b": "exited"}


def test_a_null_in_a_new_life_takes_over_the_duty_of_the_null_before() -> None:
    life = a_life()
    life.take("profiles", None, offset=7)
    life.take("profiles", a_fragment(email="new@example.com", identityMap={"email": [{"id": "new@example.com"}]}))

    ((_, body),) = bodies(life.take("profiles", None, offset=9))

    assert statuses(body) == {"a": "exited", "b": "exited"}
    assert body["identityMap"] == {"email": [{"id": "one@example.com"}, {"id": "new@example.com"}], **IDS}
    assert life.take("profiles", None, offset=7).end is RecordEnd.OVERTAKEN


def test_what_was_seen_is_the_highest_offset_of_each_topic_that_a_slot_named() -> None:
    life = a_life()
    life.take("exits", a_membership("a", 5), offset=3)
    life.take("profiles", None, offset=7)

    assert life.profile.forgotten is not None
    assert life.profile.forgotten.seen == {"profiles": 7, "qualifications": 1, "exits": 3}


def test_a_profile_of_the_release_before_that_had_its_null_already_is_forgotten_when_that_is_read_again() -> None:
    profile = a_life().profile
    life = Life(an_activation(CRM, ADS), profile)
    life.take("loyalty", a_fragment(tier="gold"))
    life.take("profiles", None, offset=7)
    del profile.fragments["loyalty"]

    assert life.take("profiles", None, offset=7).exports[0].meta.trigger == "forgotten"


def test_what_is_forgotten_shows_nowhere() -> None:
    life = a_life()
    life.take("profiles", None)

    assert "one@example" not in repr(life.profile.forgotten)
    assert life.profile != Profile()
