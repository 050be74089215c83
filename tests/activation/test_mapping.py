"""What of a profile leaves for a destination that selects, renames, hashes and requires, and what it is told of."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from streams.activation.asked import Asked, decode
from streams.activation.profiles import Profile, decode_profile, encode_profile
from streams.activation.rendering import Step
from streams.activation.targets import Trigger
from streams.destinations import Identity
from streams.ends import Exclusion, RecordEnd
from streams.engine import Message
from streams.exports import Position
from streams.profile_commands import ReExport, encode_command
from tests.records import KEY, NOW_MS, Life, a_destination, a_fragment, a_membership, an_activation, an_attribute

REQUIRED = (RecordEnd.EXCLUDED, Exclusion.REQUIRED_IDENTITY_MISSING)
HASHED = Identity("email", "email_lc_sha256", "sha256")


def digits(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def ids(**known: str) -> dict[str, Any]:
    return {namespace: [{"id": id_}] for namespace, id_ in known.items()}


def a_life(**others: Any) -> Life:
    """Return one who is in a, of whom nothing else is known."""
    life = Life(an_activation(a_destination(**{"attributes": ["crmId"], **others})))
    life.take("qualifications", a_membership("a", 1))
    return life


def ends(step: Step) -> list[tuple[RecordEnd, Exclusion | None]]:
    return [(end, exclusion) for _, end, exclusion in step.considered]


# Identities.


def test_what_is_not_selected_neither_leaves_nor_triggers() -> None:
    life = a_life(identities=(HASHED,))

    first = life.take("profiles", a_fragment(identityMap=ids(ecid="1")))
    second = life.take("loyalty", a_fragment(identityMap=ids(email="A@b.c", ecid="2")))
    third = life.take("loyalty", a_fragment(identityMap=ids(email="a@B.c ", ecid="3")))

    assert [step.end for step in (first, second, third)] == ["not-triggered", "activated", "not-triggered"]
    assert life.last["identityMap"] == {"email_lc_sha256": [{"id": digits("a@b.c")}]}
    assert life.exports[-1].meta.trigger == Trigger.IDENTITY


def test_a_selected_identity_that_goes_away_is_a_change() -> None:
    life = a_life(identities=(HASHED,))
    life.take("profiles", a_fragment(identityMap=ids(email="a@b.c")))

    life.take("profiles", a_fragment(identityMap=ids(ecid="1")))

    assert "identityMap" not in life.last


def test_only_what_is_selected_counts_as_written_again() -> None:
    life = a_life(identities=(HASHED,), triggers="written")
    life.take("profiles", a_fragment(identityMap=ids(email="a@b.c")))

    same = life.take("profiles", a_fragment(identityMap=ids(email="a@b.c")))
    other = life.take("loyalty", a_fragment(identityMap=ids(ecid="1")))

    assert (same.end, other.end) == (RecordEnd.ACTIVATED, RecordEnd.NOT_TRIGGERED)


def test_a_record_read_again_is_done_again_where_it_may_have_concerned() -> None:
    life = Life(
        an_activation(
            a_destination("some", attributes=[], identities=(HASHED,)),
            a_destination("none", attributes=[], identities=()),
            a_destination("waits", attributes=[], identities=(), required_identities=("ecid",)),
        )
    )
    life.take("qualifications", a_membership("a", 1))
    life.take("profiles", a_fragment(identityMap=ids(ecid="1", email="x")))

    again = life.take("profiles", a_fragment(identityMap=ids(ecid="1")), offset=0)

    assert [each.destination.name for each in again.exports] == ["some", "waits"]


def test_identities_go_in_the_order_in_which_all_would_go() -> None:
    life = a_life(identities=(Identity("a", "all"), Identity("b", "all"), Identity("c", "c")))
    life.take("profiles", a_fragment(identityMap=ids(b="1", c="2", a="3")))
    life.take("loyalty", a_fragment(identityMap=ids(a="1", b="4")))

    assert life.last["identityMap"] == {"all": [{"id": "1"}, {"id": "3"}, {"id": "4"}], "c": [{"id": "2"}]}


# Hashed attributes.


def test_a_hashed_attribute_triggers_by_what_is_sent_of_it() -> None:
    life = a_life(attributes=[an_attribute("email", hash="sha256")])

    ends = [
        life.take("profiles", a_fragment(email=value)).end
        for value in ("A@b.c", " a@b.c", {"address": "a@b.c"}, None, 1.5, "a@b.c")
    ]

    assert ends == ["activated", "not-triggered", "activated", "not-triggered", "not-triggered", "activated"]
    assert life.last["email"] == digits("a@b.c")
    assert "email" not in json.loads(life.exports[-2].body)


def test_what_cannot_be_hashed_is_no_write() -> None:
    life = a_life(attributes=[an_attribute("email", hash="sha256")], triggers="written")

    ends = [life.take("profiles", a_fragment(email=value)).end for value in ("a@b.c", "a@b.c", 1.5, 2.5)]

    assert ends == ["activated", "activated", "activated", "not-triggered"]


def test_the_same_attribute_may_go_hashed_and_in_the_clear() -> None:
    life = a_life(attributes=[an_attribute("id", "x", hash="sha256"), an_attribute("id", "y")])

    changes = [life.take("profiles", a_fragment(id=value)).end for value in ("A", "a")]

    assert changes == ["activated", "activated"]
    assert (life.last["x"], life.last["y"]) == (digits("a"), "a")


@pytest.mark.parametrize(("absent", "left"), [("omit", {}), ("null", {"email": None})])
def test_what_cannot_be_hashed_leaves_as_what_is_not_there(absent: Any, left: Any) -> None:
    life = a_life(attributes=[an_attribute("email", hash="sha256"), "n"], absent=absent)
    life.take("profiles", a_fragment(email={"clear": "text"}, n=1))

    assert {key: life.last[key] for key in life.last if key == "email"} == left
    assert b"clear" not in life.exports[-1].body


def test_an_entry_waits_until_a_mandatory_attribute_can_be_hashed() -> None:
    life = a_life(attributes=[an_attribute("email", mandatory=True, hash="sha256"), "n"])
    missing = (RecordEnd.EXCLUDED, Exclusion.MANDATORY_ATTRIBUTE_MISSING)

    waits = life.take("profiles", a_fragment(email=" ", n=1))
    heals = life.take("profiles", a_fragment(email="x", n=1))

    assert (ends(waits), heals.end) == ([missing], RecordEnd.ACTIVATED)


# Required identities.


def test_an_entry_waits_for_each_required_identity_and_heals_itself() -> None:
    destination = a_destination(attributes=["n"], required_identities=("email", "loyalty"), identities=(HASHED,))
    life = Life(an_activation(destination))

    entered = life.take("qualifications", a_membership("a", 1, ids=ids(ecid="1")))
    attribute = life.take("profiles", a_fragment(n=1, identityMap=ids(email="a@b.c")))
    healed = life.take("loyalty", a_fragment(identityMap=ids(loyalty="7")))

    assert ends(entered) == ends(attribute) == [REQUIRED]
    assert healed.end is RecordEnd.ACTIVATED
    assert life.last["n"] == 1
    assert life.last["identityMap"] == {"email_lc_sha256": [{"id": digits("a@b.c")}]}


def test_an_exit_never_waits_for_a_required_identity() -> None:
    life = a_life(required_identities=("ecid",), attributes=[])

    left = life.take("exits", a_membership("a", 2))

    assert (life.exports[0].meta.trigger, left.end) == (Trigger.EXITED, RecordEnd.ACTIVATED)


def test_what_is_asked_for_or_owed_waits_for_a_required_identity() -> None:
    life = a_life(required_identities=("ecid",), attributes=[])
    position = Position("c", 0, 0, NOW_MS)

    for trigger in (Trigger.RE_EXPORT, Trigger.OWED):
        step = life.activation.renew(life.profile, "crm.1", trigger, position, NOW_MS)

        assert (step.exports, ends(step)) == ([], [REQUIRED])


def test_an_exit_that_is_done_again_does_not_show_the_entry_that_waits_for_an_identity() -> None:
    life = a_life(attributes=[], required_identities=("ecid",))
    life.take("exits", a_membership("a", 2))
    life.take("qualifications", a_membership("a", 3))

    again = life.take("exits", a_membership("a", 2), offset=0)

    assert [json.loads(each.body)["segmentMembership"]["ups"]["a"]["status"] for each in again.exports] == ["exited"]


# Deduplication keys.


KEYED = [an_attribute("crmId", "id", deduplication_key=True), an_attribute("email")]


def test_a_null_carries_the_deduplication_key_and_no_other_attribute() -> None:
    life = a_life(attributes=KEYED)
    life.take("profiles", a_fragment(crmId=7, email="a@b.c", identityMap=ids(ecid="1")))

    life.take("profiles", None)

    assert life.last.keys() == {"id", "segmentMembership", "identityMap"}
    assert life.last["id"] == 7
    assert b"a@b.c" not in encode_profile(life.profile)


def test_a_withdrawal_has_the_same_id_and_bytes_when_it_is_done_again() -> None:
    life = a_life(attributes=[an_attribute("crmId", "id", deduplication_key=True, hash="sha256")])
    life.take("profiles", a_fragment(crmId="K7"))
    before = encode_profile(life.profile)
    first = life.take("profiles", None)

    again = Life(life.activation, decode_profile(encode_profile(life.profile))).take("profiles", None, offset=1)
    unwritten = Life(life.activation, decode_profile(before)).take("profiles", None, offset=1)

    assert life.last["id"] == digits("k7")
    for step in (again, unwritten):
        assert [(each.id, each.body) for each in step.exports] == [(each.id, each.body) for each in first.exports]


def test_a_key_is_kept_over_several_lives_and_the_newest_counts() -> None:
    life = a_life(attributes=KEYED)
    life.take("profiles", a_fragment(crmId="one"))
    life.take("profiles", None)
    life.take("qualifications", a_membership("a", 5))
    life.take("profiles", None)
    assert life.last["id"] == "one"

    life.take("profiles", a_fragment(crmId=None))
    life.take("qualifications", a_membership("a", 6))
    life.take("profiles", None)
    assert life.last["id"] == "one"

    life.take("profiles", a_fragment(crmId="two"))
    life.take("qualifications", a_membership("a", 7))
    life.take("profiles", None)
    assert life.last["id"] == "two"


def test_a_key_that_is_an_object_goes_whole_and_one_that_is_absent_stays_away() -> None:
    life = a_life(attributes=[an_attribute("keys", deduplication_key=True), an_attribute("no", deduplication_key=True)])
    life.take("profiles", a_fragment(keys={"crm": 1, "erp": [2]}))

    life.take("profiles", None)

    assert life.last["keys"] == {"crm": 1, "erp": [2]}
    assert "no" not in life.last


def test_keys_go_to_each_destination_at_its_own_target() -> None:
    life = Life(
        an_activation(
            a_destination("one", attributes=[an_attribute("crmId", "a.b", deduplication_key=True)]),
            a_destination("two", attributes=[an_attribute("crmId", "c", deduplication_key=True, hash="sha256")]),
            a_destination("three", attributes=["crmId"]),
        )
    )
    life.take("profiles", a_fragment(crmId=7))
    life.take("qualifications", a_membership("a", 1))

    step = life.take("profiles", None)

    bodies = {each.destination.name: json.loads(each.body) for each in step.exports}
    told = {name: {key: body[key] for key in body.keys() - {"segmentMembership"}} for name, body in bodies.items()}
    assert told == {"one": {"a": {"b": 7}}, "two": {"c": digits("7")}, "three": {}}


# Withdrawals of which nothing but what was sent is known any more.


def asked(life: Life, body: bytes, position: int = 0) -> Any:
    """Return what is sent because a withdrawal was not posted, which *body* is."""
    command = ReExport(destination="crm.1", withdrawal=Raw(body))
    said = decode(Message("c", 0, position, NOW_MS, KEY, encode_command(command), (), assignment=1), NOW_MS)
    assert isinstance(said, Asked)
    step = life.activation.obey(life.profile, said, Position("c", 0, position, NOW_MS), NOW_MS)
    return [json.loads(export.body) for export in step.exports]


def told(body: Any) -> Any:
    return {key: body[key] for key in body if key != "segmentMembership"}


def a_withdrawal(**others: Any) -> bytes:
    """Return what one who was in a and is forgotten leaves behind in the exports of a destination."""
    life = a_life(**others)
    life.take("profiles", a_fragment(crmId="K7", email="A@b.c", identityMap=ids(email="A@b.c", ecid="1")))
    life.take("profiles", None)
    return life.exports[-1].body


SELECTIVE: dict[str, Any] = {
    "attributes": [an_attribute("crmId", "id", hash="sha256", deduplication_key=True), an_attribute("email")],
    "identities": (HASHED, Identity("ecid", "visitor")),
}


def test_a_withdrawal_that_was_not_posted_is_sent_as_it_was() -> None:
    body = a_withdrawal(**SELECTIVE)
    life = Life(an_activation(a_destination(**SELECTIVE)))

    (again,) = asked(life, body)
    (once_more,) = asked(life, json.dumps(again).encode(), 1)

    assert again == once_more == json.loads(body)
    assert told(again) == {
        "id": digits("k7"),
        "identityMap": {"email_lc_sha256": [{"id": digits("a@b.c")}], "visitor": [{"id": "1"}]},
    }


def test_a_withdrawal_that_was_not_posted_says_no_more_than_its_destination_is_to_be_sent_now() -> None:
    wide = a_withdrawal(attributes=[an_attribute("crmId", "id", deduplication_key=True), "email"])
    narrow: dict[str, Any] = {
        "attributes": [an_attribute("crmId", "id", hash="sha256", deduplication_key=True)],
        "identities": (Identity("email", "email", "sha256"),),
    }

    (again,) = asked(Life(an_activation(a_destination(**narrow))), wide)
    (none,) = asked(Life(an_activation(a_destination(attributes=["crmId"], identities=()))), wide)
    (all_of_it,) = asked(Life(an_activation(a_destination(attributes=[]))), wide)

    assert told(again) == {"id": digits("k7"), "identityMap": ids(email=digits("a@b.c"))}
    assert told(none) == {}
    assert told(all_of_it) == {"identityMap": ids(email="A@b.c", ecid="1")}


def test_what_was_said_goes_to_no_other_destination_and_stands_beside_what_is_known() -> None:
    others = [a_destination(name, segments=["a", "b"], **SELECTIVE) for name in ("crm", "ads")]
    life = Life(an_activation(*others))
    asked(life, a_withdrawal(**SELECTIVE))
    life.take("qualifications", a_membership("b", 9, ids=ids(ecid="2")))

    step = life.take("profiles", None)

    bodies = {each.destination.name: told(json.loads(each.body)) for each in step.exports}
    assert bodies["ads"] == {"identityMap": {"visitor": [{"id": "2"}]}}
    assert bodies["crm"] == {
        "id": digits("k7"),
        "identityMap": {"visitor": [{"id": "2"}, {"id": "1"}], "email_lc_sha256": [{"id": digits("a@b.c")}]},
    }


def test_a_key_that_was_not_there_is_not_said() -> None:
    life = a_life(attributes=[an_attribute("crmId", deduplication_key=True)], absent="null")
    life.take("profiles", None)
    assert life.last["crmId"] is None
    omitting = a_destination(attributes=[an_attribute("crmId", deduplication_key=True)])

    (again,) = asked(Life(an_activation(omitting)), life.exports[-1].body)

    assert told(again) == {}


# All together.

RAW = {"email": "Secret-One@x.org", "phone": "+49-SECRET-2", "ecid": "SECRET-3"}
CLEAR = [("person.email", "SECRET-4@x.org"), ("person.phone", "SECRET-5"), ("crmId", "SECRET-6"), ("note", "SECRET-7")]


def _fragment() -> bytes:
    person = {"email": "SECRET-4@x.org", "phone": ["SECRET-5", {"deep": "SECRET-8"}]}
    return a_fragment(person=person, crmId="SECRET-6", note="SECRET-7", identityMap=ids(**RAW))


_attributes = st.lists(
    st.builds(
        lambda path, hash_, key, mandatory: (path, hash_, key, mandatory),
        st.sampled_from([path for path, _ in CLEAR]),
        st.sampled_from([None, "sha256"]),
        st.booleans(),
        st.booleans(),
    ),
    max_size=4,
    unique_by=lambda each: each[0],
)
_selected = st.none() | st.lists(
    st.builds(Identity, st.sampled_from(sorted(RAW)), st.sampled_from(["t", "u"]), st.sampled_from([None, "sha256"])),
    unique_by=lambda each: each.namespace,
    max_size=3,
).map(tuple)


@settings(deadline=None)
@given(_attributes, _selected, st.sets(st.sampled_from(sorted(RAW))), st.sampled_from(["omit", "null"]))
def test_nothing_unmapped_unselected_or_unhashed_ever_leaves(
    mapped: Any, selected: Any, required: Any, absent: Any
) -> None:
    attributes = [
        an_attribute(path, f"t{n}", hash=hash_, deduplication_key=key, mandatory=mandatory)
        for n, (path, hash_, key, mandatory) in enumerate(mapped)
    ]
    activation = an_activation(
        a_destination(
            attributes=attributes, identities=selected, required_identities=tuple(sorted(required)), absent=absent
        )
    )
    life = Life(activation, Profile())
    life.take("qualifications", a_membership("a", 1))
    life.take("profiles", _fragment())
    life.take("exits", a_membership("a", 2))
    life.take("qualifications", a_membership("a", 3))
    renewed = activation.renew(life.profile, "crm.1", Trigger.RE_EXPORT, Position("c", 0, 0, NOW_MS), NOW_MS)
    life.take("profiles", None)

    clear_paths = {path for path, hash_, _, _ in mapped if hash_ is None}
    clear_spaces = set(RAW) if selected is None else {each.namespace for each in selected if each.hash is None}
    allowed = {value for path, value in CLEAR if path in clear_paths} | {RAW[space] for space in clear_spaces}
    if "person.phone" in clear_paths:
        allowed.add("SECRET-8")
    for export in [*life.exports, *renewed.exports]:
        body = json.loads(export.body)
        if export.meta.trigger == Trigger.FORGOTTEN:
            keys = {f"t{n}" for n, (_, _, key, _) in enumerate(mapped) if key}
            assert body.keys() - {"segmentMembership", "identityMap"} <= keys
        for secret in {*RAW.values(), *(value for _, value in CLEAR), "SECRET-8"} - allowed:
            assert secret.lower().encode() not in export.body.lower()
