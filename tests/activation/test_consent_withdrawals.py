"""What a profile's consent, withdrawn and given again, sends to a destination that needs it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.asked import Asked
from streams.activation.events import MembershipChange
from streams.activation.owing import postpone
from streams.activation.profiles import decode_profile, encode_profile
from streams.activation.rendering import Rendered, Step
from streams.activation.targets import Trigger
from streams.destinations import Attribute, Consent, Destination, Identity
from streams.ends import Exclusion, RecordEnd
from streams.exports import Position
from streams.profile_commands import ReExport, Replay
from tests.records import (
    NOW_MS,
    Life,
    a_destination,
    a_fragment,
    a_membership,
    an_activation,
    an_attribute,
    change_of,
)

YES, NO = {"share": {"val": "y"}}, {"share": {"val": "n"}}
IDS = {"email": [{"id": "one@example.com"}], "ecid": [{"id": "1"}]}
NEEDY = a_destination(segments=["a", "b"], attributes=["email"], consent=Consent(("share",)))
ACTIVATED, EXCLUDED, NOT_TRIGGERED = RecordEnd.ACTIVATED, RecordEnd.EXCLUDED, RecordEnd.NOT_TRIGGERED
WITHHELD = (EXCLUDED, Exclusion.CONSENT)


class Consenting(Life):
    """A profile that says what it consents to."""

    def says(self, consents: Any, **others: Any) -> Step:
        members = {"email": "one@example.com", "consents": consents, **others.pop("members", {})}
        return self.take("profiles", a_fragment(**members), **others)


def a_life(*destinations: Destination, consents: Any = YES, ids: Any = IDS) -> Consenting:
    """Return a member of segment a, as told to the destinations if it consents."""
    life = Consenting(an_activation(*(destinations or (NEEDY,))))
    life.says(consents, members={} if ids is None else {"identityMap": ids})
    life.take("qualifications", a_membership("a", 1))
    return life


def ends(step: Step) -> list[Any]:
    return [(end, why) for _, end, why in step.considered]


def body(step: Step) -> Any:
    (export,) = step.exports
    return json.loads(export.body)


def statuses(body: Any) -> dict[str, str]:
    return {segment: entry["status"] for segment, entry in body["segmentMembership"].get("ups", {}).items()}


def trigger(step: Step) -> str:
    (export,) = step.exports
    return export.meta.trigger


def test_without_consent_nothing_is_sent_and_the_reason_is_told() -> None:
    life = a_life(consents=None)

    assert ends(life.take("qualifications", a_membership("b", 2))) == [WITHHELD]
    assert ends(life.take("exits", a_membership("b", 3))) == [WITHHELD]
    assert ends(life.says(NO, members={"email": "new@example.com"})) == [WITHHELD]
    assert (life.exports, life.profile.told) == ([], {})


def test_consent_that_is_withdrawn_is_one_last_export_without_attributes() -> None:
    life = a_life()
    life.take("exits", a_membership("b", 1))

    step = life.says(NO, members={"identityMap": IDS, "email": "new@example.com"}, timestamp=NOW_MS - 5)

    assert (step.end, ends(step)) == (ACTIVATED, [(ACTIVATED, None)])
    assert body(step).keys() == {"segmentMembership", "identityMap"}
    assert body(step)["identityMap"] == IDS
    assert body(step)["segmentMembership"]["ups"] == {
        "a": {"lastQualificationTime": "2023-11-14T22:13:19.995Z", "status": "exited"},
        "b": {"lastQualificationTime": "2020-05-25T00:00:01Z", "status": "exited"},
    }
    (export,) = step.exports
    assert (export.meta.trigger, export.meta.segments) == ("consent", ("a",))


def test_after_the_withdrawal_nothing_is_sent_until_consent_is_given_again() -> None:
    life = a_life()
    life.says(NO)
    later = [
        life.says(NO, members={"email": "new@example.com", "identityMap": {"ecid": [{"id": "2"}]}}),
        life.take("qualifications", a_membership("b", 3, ids={"crm": [{"id": "7"}]})),
        life.take("exits", a_membership("a", 4)),
        life.take("qualifications", a_membership("a", 5)),
    ]
    assert [ends(step) for step in later] == [[WITHHELD]] * 4

    step = life.says(YES)

    assert trigger(step) == "consent"
    assert body(step)["email"] == "one@example.com"
    assert statuses(body(step)) == {"a": "realized", "b": "realized"}
    assert body(step)["identityMap"] == {"ecid": [{"id": "2"}], "crm": [{"id": "7"}]}


def test_who_gives_consent_again_outside_of_every_segment_is_sent_nothing() -> None:
    life = a_life()
    life.says(NO)
    life.take("exits", a_membership("a", 3))

    assert (life.says(YES).exports, life.take("exits", a_membership("b", 4)).end) == ([], ACTIVATED)


def test_an_exit_in_the_same_moment_is_the_withdrawal() -> None:
    """Of who was told "in" under a document that needed no consent."""
    life = a_life(replace(NEEDY, consent=None), consents=NO)
    life.activation = an_activation(NEEDY)

    step = life.take("exits", a_membership("a", 3))

    assert (trigger(step), statuses(body(step)), "email" in body(step)) == ("consent", {"a": "exited"}, False)


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        ("qualifications", a_membership("a", 2, status="existing")),
        ("qualifications", a_membership("unmapped", 2, ids={"ecid": [{"id": "1"}]})),
        ("loyalty", a_fragment(tier="gold")),
    ],
)
def test_a_need_that_a_document_adds_withdraws_with_whatever_record_comes_next(topic: str, value: bytes) -> None:
    life = a_life(replace(NEEDY, consent=None), consents=NO)
    life.activation = an_activation(NEEDY)

    step = life.take(topic, value)

    assert (trigger(step), statuses(body(step))) == ("consent", {"a": "exited"})
    assert life.take("loyalty", a_fragment(tier="silver")).exports == []


def test_what_an_identity_says_of_its_own_leaves_it_out() -> None:
    life = a_life()
    left_out = YES | {"idSpecific": {"ecid": {"1": NO}}}

    step = life.says(left_out)

    assert (trigger(step), body(step)["identityMap"]) == ("consent", {"email": [{"id": "one@example.com"}]})
    assert body(step)["email"] == "one@example.com"
    assert life.says(left_out | {"metadata": {"time": "2024-01-01T00:00:00Z"}}).exports == []
    assert life.says(left_out | {"idSpecific": {"ecid": {"1": NO, "8": NO}}}).exports == []
    assert body(life.says(YES))["identityMap"] == IDS


def test_an_identity_that_is_left_out_triggers_nothing_and_is_in_no_withdrawal() -> None:
    life = a_life(consents=YES | {"idSpecific": {"ecid": {"1": NO, "2": NO}}})
    known = {"email": [{"id": "one@example.com"}]}
    assert life.last["identityMap"] == known

    silent = life.take("loyalty", a_fragment(identityMap={"ecid": [{"id": "2"}]}))
    assert (silent.exports, ends(silent)) == ([], [(NOT_TRIGGERED, None)])
    assert trigger(life.take("exits", a_membership("b", 5, ids={"ecid": [{"id": "3"}]}))) == "exited"
    assert life.last["identityMap"] == known | {"ecid": [{"id": "3"}]}

    for withdrawal in (life.says(NO), life.take("profiles", None, offset=0)):
        del withdrawal
    assert life.last["identityMap"] == known | {"ecid": [{"id": "3"}]}


def test_an_identity_that_comes_with_the_denial_is_not_told() -> None:
    life = a_life()

    step = life.says(NO, members={"identityMap": {"ecid": [{"id": "secret"}]}})

    assert body(step)["identityMap"] == IDS


def test_a_forgotten_profile_s_withdrawal_knows_no_identity_that_was_left_out() -> None:
    life = a_life(consents=YES | {"idSpecific": {"ecid": {"1": NO}}})

    step = life.take("profiles", None)

    assert (trigger(step), body(step)["identityMap"]) == ("forgotten", {"email": [{"id": "one@example.com"}]})


def test_who_denied_and_was_told_out_is_forgotten_in_silence() -> None:
    life = a_life()
    life.says(NO)

    step = life.take("profiles", None)

    assert (step.exports, ends(step)) == ([], [(NOT_TRIGGERED, None)])


def test_the_null_read_again_tells_what_a_lost_withdrawal_told() -> None:
    life = a_life()
    life.says(NO, members={"identityMap": {"ecid": [{"id": "secret"}]}})
    life.take("profiles", None, offset=9)

    step = life.take("profiles", None, offset=9)

    assert (trigger(step), statuses(body(step)), body(step)["identityMap"]) == ("forgotten", {"a": "exited"}, IDS)


def test_a_new_life_without_consent_is_never_told_not_even_by_the_next_null() -> None:
    life = a_life()
    life.take("profiles", None, offset=5)
    life.says(NO, members={"identityMap": {"ecid": [{"id": "secret"}]}}, offset=6)
    life.take("qualifications", a_membership("a", 7))

    told = [life.take("profiles", None, offset=5), life.take("profiles", None, offset=8)]

    assert b"secret" not in b"".join(export.body for step in told for export in step.exports)
    assert [trigger(step) for step in told[1:]] == ["forgotten"]


def test_a_new_life_that_has_withdrawn_is_told_so_again_behind_the_null_that_is_read_again() -> None:
    life = a_life()
    life.take("profiles", None, offset=5)
    life.says(YES, members={"identityMap": IDS}, offset=6)
    life.take("qualifications", a_membership("b", 7))
    life.says(NO, offset=7)

    step = life.take("profiles", None, offset=5)

    told = [json.loads(export.body) for export in step.exports]
    assert [export.meta.trigger for export in step.exports] == ["forgotten", "consent"]
    assert [statuses(each) for each in told] == [{"a": "exited"}, {"b": "exited"}]
    assert not any("email" in each for each in told)


def test_an_exit_from_before_a_null_is_not_told_to_who_never_knew() -> None:
    life = a_life(consents=NO)
    life.take("exits", a_membership("a", 3), offset=4)
    life.take("profiles", None)

    assert life.take("exits", a_membership("a", 3), offset=4).exports == []


def again(life: Life, topic: str, value: bytes | None, **where: Any) -> tuple[Step, Step]:
    """Return a record's step, and that of it after a crash that came behind it."""
    first = life.take(topic, value, **where)
    life.profile = decode_profile(encode_profile(life.profile))
    return first, life.take(topic, value, **where, now=NOW_MS + 7_000)


def test_a_withdrawal_that_is_done_again_has_the_same_id_and_bytes() -> None:
    life = a_life()
    denial = a_fragment(email="new@example.com", consents=NO, identityMap={"ecid": [{"id": "2"}]})

    first, second = again(life, "profiles", denial, offset=7)
    life.take("loyalty", a_fragment(identityMap={"crm": [{"id": "3"}]}))
    third = life.take("profiles", denial, offset=7)

    assert first.exports[0].body == second.exports[0].body == third.exports[0].body
    assert len({step.exports[0].id for step in (first, second, third)}) == 1
    revisions = [step.exports[0].meta.revision for step in (first, second, third)]
    assert revisions == sorted(set(revisions))


@pytest.mark.parametrize("consents", [NO, None, {"share": {"val": 7}}, []])
def test_every_record_that_is_done_again_after_it_withdraws_again(consents: Any) -> None:
    life = a_life()
    life.says(consents, offset=3)
    records = [
        ("profiles", a_fragment(email="new@example.com", consents=consents), 4),
        ("exits", a_membership("a", 3), 5),
        ("qualifications", a_membership("a", 4, ids={"ecid": [{"id": "1"}]}), 6),
        ("loyalty", a_fragment(tier="gold"), 7),
    ]
    assert [life.take(topic, value, offset=offset).exports for topic, value, offset in records] == [[]] * 4

    for topic, value, offset in records:
        step = life.take(topic, value, offset=offset)
        assert (trigger(step), set(statuses(body(step)).values()), "email" in body(step)) == (
            *("consent", {"exited"}),
            False,
        )


def test_who_was_never_told_is_not_withdrawn_by_a_record_that_is_done_again() -> None:
    life = a_life(consents=NO)

    first, second = again(life, "exits", a_membership("a", 3), offset=1)

    assert (ends(first), ends(second)) == ([WITHHELD], [WITHHELD])


def test_consent_that_is_given_again_takes_over_the_duty_of_the_withdrawal() -> None:
    life = a_life(replace(NEEDY, attributes=()))
    life.says(NO, offset=3)

    first, second = again(life, "profiles", a_fragment(consents=YES), offset=4)

    assert first.exports[0].id == second.exports[0].id
    assert (trigger(second), statuses(body(second))) == ("consent", {"a": "realized"})


def test_an_entry_that_waits_hides_no_lost_withdrawal() -> None:
    """Consent is there again, but not what an entry needs: that the profile is gone is what has to be said again."""
    life = a_life(replace(NEEDY, attributes=(an_attribute("email", mandatory=True),)))
    life.says(NO, offset=3)

    first, second = again(life, "profiles", a_fragment(consents=YES), offset=4)

    assert ends(first) == [(EXCLUDED, Exclusion.MANDATORY_ATTRIBUTE_MISSING)]
    assert (trigger(second), statuses(body(second))) == ("consent", {"a": "exited"})
    assert trigger(life.says(YES)) == "attribute"


def test_a_withdrawal_is_told_also_by_a_record_from_before_since() -> None:
    life = a_life(replace(NEEDY, since=NOW_MS))

    assert trigger(life.says(NO, timestamp=NOW_MS - 1)) == "consent"
    early = life.says(YES, timestamp=NOW_MS - 1, offset=9)
    assert ends(early) == [(EXCLUDED, Exclusion.BEFORE_SINCE)]


def test_a_withdrawal_waits_for_nothing_and_carries_the_deduplication_key() -> None:
    key = Attribute(("id",), ("key",), mandatory=True, deduplication_key=True)
    life = a_life(replace(NEEDY, attributes=(key, an_attribute("email")), required_identities=("ecid",)), ids=None)
    life.says(YES, members={"id": 7, "identityMap": IDS})

    step = life.says(NO, members={"identityMap": {}, "id": 7})

    assert body(step).keys() == {"key", "segmentMembership", "identityMap"}
    assert (body(step)["key"], body(step)["identityMap"]) == (7, IDS)


def test_an_identity_without_consent_is_none_that_an_entry_has_waited_for() -> None:
    life = a_life(replace(NEEDY, required_identities=("ecid",)), consents=YES | {"idSpecific": {"ecid": {"1": NO}}})

    assert life.exports == []
    assert trigger(life.says(YES)) == "consent"


def test_the_withdrawal_shows_identities_as_the_destination_gets_them() -> None:
    life = a_life(replace(NEEDY, identities=(Identity("ecid", "visitor"),)))

    assert body(life.says(NO))["identityMap"] == {"visitor": [{"id": "1"}]}


def test_the_union_of_all_fragments_is_what_counts() -> None:
    life = a_life()

    assert trigger(life.take("loyalty", a_fragment(consents=NO), timestamp=NOW_MS + 1)) == "consent"
    assert trigger(life.take("loyalty", a_fragment(consents={"collect": NO}), timestamp=NOW_MS + 2)) == "consent"
    assert life.last["email"] == "one@example.com"
    assert trigger(life.take("profiles", None)) == "consent"
    assert statuses(life.last) == {"a": "exited"}


def test_consents_need_not_be_mapped_and_may_be() -> None:
    life = a_life(replace(NEEDY, attributes=(an_attribute("consents.share.val", "shares"), an_attribute("email"))))

    assert life.last["shares"] == "y"
    assert body(life.says(NO)).keys() == {"segmentMembership", "identityMap"}
    assert trigger(life.says(YES)) == "consent"


def test_consents_that_are_only_spelled_otherwise_trigger_nothing() -> None:
    life = a_life(replace(NEEDY, attributes=(an_attribute("consents"),)), consents={"share": {"val": "y", "n": "m"}})

    spelled = b'{"consents": {"share": {"n": "\\u006d",  "val": "y"}}}'
    assert life.take("profiles", spelled, timestamp=NOW_MS + 1).exports == []
    life.activation = an_activation(NEEDY)
    assert life.take("profiles", spelled.replace(b"y", b"\\u0079"), timestamp=NOW_MS + 2).exports == []


def test_what_another_destination_needs_is_its_own() -> None:
    email = a_destination("mail", segments=["a"], attributes=["email"], consent=Consent(("marketing.email",)))
    life = a_life(NEEDY, email, a_destination("all", segments=["a"], attributes=["email"]), consents=None)
    assert [each.destination.name for each in life.exports] == ["all"]

    gives = [life.says(YES), life.says(YES | {"marketing": {"email": {"val": "y"}}}), life.says({"marketing": YES})]

    assert [[each.destination.name for each in step.exports] for step in gives] == [["crm"], ["mail"], ["crm", "mail"]]


def command(life: Life, **what: Any) -> Step:
    asked = Asked(ReExport(destination=NEEDY.incarnation, **what))
    return life.activation.obey(life.profile, asked, Position("commands", 0, 1, NOW_MS), NOW_MS)


def test_a_re_export_asks_for_consent() -> None:
    life = a_life(consents=NO)
    assert (ends(command(life)), command(life).exports) == ([WITHHELD], [])

    life.says(YES)
    assert body(command(life))["email"] == "one@example.com"

    life.says(NO)
    step = command(life)
    assert (trigger(step), statuses(body(step)), step.written) == ("consent", {"a": "exited"}, True)


def test_a_re_export_leaves_out_the_identities_that_deny() -> None:
    life = a_life(consents=YES | {"idSpecific": {"ecid": {"1": NO}}})

    assert body(command(life))["identityMap"] == {"email": [{"id": "one@example.com"}]}


def test_a_withdrawal_that_was_not_posted_is_exported_once_more_and_not_twice() -> None:
    life = a_life()
    life.says(NO)
    (lost,) = life.exports[-1:]

    said = change_of("memberships", lost.body)
    assert isinstance(said, MembershipChange)
    asked = Asked(ReExport(destination=NEEDY.incarnation), said)
    for consents, shown in ((NO, "exited"), (YES, "realized")):
        life.says(consents)
        step = life.activation.obey(life.profile, asked, Position("commands", 0, 1, NOW_MS), NOW_MS)
        assert statuses(body(step)) == {"a": shown}


def test_what_is_owed_is_the_withdrawal_also_where_an_entry_waits_by_then() -> None:
    life = a_life(replace(NEEDY, attributes=(an_attribute("email", mandatory=True),)))
    value = a_fragment(email="one@example.com", consents=NO)
    step = life.take("profiles", value, offset=3)
    postpone(step, life.profile, Position("profiles", 0, 3, NOW_MS), lambda _: Exclusion.OWED)
    assert ends(step) == [(EXCLUDED, Exclusion.OWED)]
    life.take("profiles", a_fragment(consents=YES), offset=4)

    (position,) = (life.profile.owed or {}).values()
    step = life.activation.renew(life.profile, NEEDY.incarnation, Trigger.OWED, position, NOW_MS)

    assert (trigger(step), statuses(body(step))) == ("consent", {"a": "exited"})


def replay(life: Life, export: Rendered) -> Step:
    what = Replay(destination=NEEDY.incarnation, id=export.id, meta=export.meta, body=msgspec.Raw(export.body))
    return life.activation.obey(life.profile, Asked(what), Position("commands", 0, 1, NOW_MS), NOW_MS)


def test_the_withdrawal_itself_is_replayed_as_it_was() -> None:
    life = a_life()
    life.says(NO)

    step = replay(life, life.exports[-1])

    assert step.exports[0].body == life.exports[-1].body
    assert step.exports[0].id == life.exports[-1].id


def test_what_was_consented_to_when_it_was_recorded_is_replayed_as_a_withdrawal() -> None:
    """The endpoint has not taken the exit: it is told of it, and nothing more."""
    life = a_life()
    life.take("exits", a_membership("a", 2))
    assert life.last["email"] == "one@example.com"
    life.says(NO)

    step = replay(life, life.exports[-1])

    assert (trigger(step), body(step).keys()) == ("consent", {"segmentMembership", "identityMap"})
    assert statuses(body(step)) == {"a": "exited"}


def test_what_was_withdrawn_does_not_come_back_by_a_replay() -> None:
    life = a_life()
    entry = life.exports[-1]
    life.says(NO)

    assert replay(life, entry).end is RecordEnd.OVERTAKEN


CONSENTS: st.SearchStrategy[Any] = st.sampled_from(
    [YES, YES, NO, NO, None, YES | {"idSpecific": {"ecid": {"1": NO}}}, [], {"share": "y"}]
)
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("says"), CONSENTS),
        st.tuples(st.just("qualifications"), st.sampled_from(["a", "b"])),
        st.tuples(st.just("exits"), st.sampled_from(["a", "b"])),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=300)
@given(HAPPENINGS)
def test_a_withdrawal_is_one_export_and_nothing_follows_it_until_consent_is_given(happenings: list[Any]) -> None:
    """Counted against a model of two flags: whether consent is given, and whether the endpoint thinks "in"."""
    life = Consenting(an_activation(NEEDY))
    is_given, thinks_inside, inside = False, False, dict.fromkeys("ab", False)
    for second, (what, about) in enumerate(happenings):
        if what == "says":
            step = life.says(about, members={"identityMap": IDS})
            is_given = isinstance(about, dict) and about.get("share") == {"val": "y"}
        else:
            step = life.take(what, a_membership(about, second))
            inside[about] = what == "qualifications"

        assert len(step.exports) <= 1
        told = [statuses(json.loads(export.body)) for export in step.exports]
        must_hear = is_given and any(inside.values())
        if thinks_inside and not must_hear:
            assert {*told[0].values()} == {"exited"}
        elif not is_given:
            assert not told
        elif must_hear:
            assert thinks_inside or told
            assert not told or {each for each, status in told[0].items() if status == "realized"} == {
                each for each, is_inside in inside.items() if is_inside
            }
        thinks_inside = must_hear


def test_the_state_names_what_was_told_only_where_consent_leaves_something_out() -> None:
    life = a_life()

    assert life.profile.told[NEEDY.incarnation].identities is None
    life.says(YES | {"idSpecific": {"ecid": {"1": NO}}})
    assert life.profile.told[NEEDY.incarnation].identities == b'{"email":[{"id": "one@example.com"}]}'
