"""What consents give, need by need and identity by identity."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.activation import consents as module
from streams.activation.consents import Consents, Permission
from streams.destinations import Consent

IDS = b'{"email": [{"id": "a"}, {"id": "b"}], "ecid": [{"id": "c", "primary": true}]}'
ALL, NONE = Permission(given=True, identities=IDS), Permission(given=False, identities=None)


def permission(said: Any, *needs: str, known: bytes | None = IDS, **others: Any) -> Permission:
    raw = said if said is None or isinstance(said, bytes) else json.dumps(said).encode()
    return Consents(Consent(needs or ("share",), **others)).permission(raw, known)


def val(value: Any) -> dict[str, Any]:
    return {"val": value}


@pytest.mark.parametrize(
    ("needs", "said", "is_given"),
    [
        (["share"], {"share": val("y")}, True),
        (["share"], {"share": val("n")}, False),
        (["share"], {"share": val("p")}, False),
        (["share"], {"share": val("LI")}, False),
        (["share"], {"collect": val("y")}, False),
        (["share", "collect"], {"share": val("y"), "collect": val("y")}, True),
        (["share", "collect"], {"share": val("y")}, False),
        (["personalize.content"], {"personalize": {"content": val("y")}}, True),
        (["personalize.content"], {"personalize": val("y")}, False),
        (["marketing.any"], {"marketing": {"any": val("y"), "email": val("n")}}, True),
        (["marketing.any"], {"marketing": {"email": val("y")}}, False),
        (["marketing.email"], {"marketing": {"email": val("y")}}, True),
        (["marketing.email"], {"marketing": {"any": val("y")}}, True),
        (["marketing.email"], {"marketing": {"any": val("y"), "email": val("n")}}, False),
        (["marketing.email"], {"marketing": {"any": val("n"), "email": val("y")}}, False),
        (["marketing.email"], {"marketing": {"any": val("p"), "email": val("y")}}, True),
        (["marketing.email"], {"marketing": {"any": val("dn"), "email": val("y")}}, True),
        (["marketing.email"], {"marketing": {"any": val("y"), "push": val("n"), "preferred": "email"}}, True),
        (["share"], {"marketing": {"any": val("n")}, "share": val("y")}, True),
    ],
)
def test_a_need_is_given_as_xdm_has_it(needs: list[str], said: Any, is_given: bool) -> None:
    assert permission(said, *needs) == (ALL if is_given else NONE)
    more = said | {"metadata": {"time": "2024-01-01T00:00:00Z"}, "adID": {"val": 7}}
    assert permission(more, *needs) == (ALL if is_given else NONE)


@pytest.mark.parametrize(
    "said",
    [
        *(b"null", b"[]", b'"y"', b"true", b"7"),
        *({"share": None}, {"share": "y"}, {"share": ["y"]}, {"share": val(None)}, {"share": val(True)}),
        *({"share": val(["y"])}, {"share": val("")}, {"share": val("Y")}, {"share": val("yes")}, {"share": val(" y")}),
        *({"share": val("y"), "idSpecific": None}, {"share": val("y"), "idSpecific": []}),
        *(b'{"share": {"val": "y"}', b"{" * 5_000),
    ],
)
@pytest.mark.parametrize("absent", ["denied", "granted"])
def test_what_is_not_as_xdm_has_it_is_denied(said: Any, absent: Any) -> None:
    assert permission(said, absent=absent) == NONE


@pytest.mark.parametrize("any_", [None, "n", "y", 7, val("x"), val(None), [], True])
def test_an_any_that_is_no_word_denies_each_channel(any_: Any) -> None:
    assert permission({"marketing": {"any": any_, "email": val("y")}}, "marketing.email", absent="granted") == NONE


@pytest.mark.parametrize("said", [None, {}, {"share": {}}, {"share": {"time": "2024-01-01T00:00:00Z"}}])
def test_no_value_counts_as_the_document_says(said: Any) -> None:
    assert permission(said) == NONE
    assert permission(said, absent="granted") == ALL


def test_other_values_count_as_given_where_the_document_says_so() -> None:
    assert permission({"share": val("LI")}, granted=("y", "LI")) == ALL
    assert permission({"share": val("y")}, granted=("LI",)) == NONE


def specific(*, email: Any = None, ecid: Any = None, **others: Any) -> dict[str, Any]:
    own = {"email": email, "ecid": ecid}
    return others | {"idSpecific": {namespace: each for namespace, each in own.items() if each is not None}}


YES, NO = {"share": val("y")}, {"share": val("n")}
WITHOUT_A = b'{"email":[{"id": "b"}],"ecid":[{"id": "c", "primary": true}]}'
ONLY_A = b'{"email":[{"id": "a"}]}'


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (specific(email={"a": NO}, **YES), WITHOUT_A),
        (specific(email={"a": {"share": val(7)}}, **YES), WITHOUT_A),
        (specific(email={"a": "y"}, **YES), WITHOUT_A),
        (specific(email={"a": {}, "x": NO}, ecid={"a": NO}, **YES), IDS),
        (specific(email=7, ecid={}, **YES), b'{"ecid":[{"id": "c", "primary": true}]}'),
        (specific(email={"a": NO, "b": NO}, ecid={"c": NO}, **YES), None),
        (specific(email={"a": YES}, **NO), None),
        (specific(email={"a": YES, "b": NO}), ONLY_A),
        (specific(email={"x": YES}), None),
        (specific(email={"a": {"marketing": {"any": val("y")}}}), None),
    ],
)
def test_an_identity_may_say_more_than_the_profile(said: Any, left: bytes | None) -> None:
    assert permission(said) == Permission(left is not None, left)


def test_where_absence_counts_as_given_only_who_denies_is_left_out() -> None:
    assert permission(specific(email={"a": NO}), absent="granted") == Permission(given=True, identities=WITHOUT_A)


def test_each_need_may_be_given_by_another_part() -> None:
    said = {"share": val("y"), "idSpecific": {"email": {"a": {"marketing": {"any": val("y"), "email": val("y")}}}}}

    assert permission(said, "share", "marketing.email") == Permission(given=True, identities=ONLY_A)
    said["idSpecific"]["email"]["a"]["marketing"]["any"]["val"] = "n"
    assert permission(said, "share", "marketing.email") == NONE


def test_a_profile_without_identities_is_given_by_its_own_word_only() -> None:
    assert permission(YES, known=None) == Permission(given=True, identities=None)
    assert permission(specific(email={"a": NO}, **YES), known=None) == Permission(given=True, identities=None)
    assert permission(specific(email={"a": YES}), known=None) == NONE


def test_the_profile_s_own_answers_are_told_by_name() -> None:
    consents = Consents(Consent(("share", "collect", "marketing.email")))

    said = {"share": val("y"), "marketing": {"any": val("n")}}
    assert consents.answers(json.dumps(said).encode()) == {
        "share": "given",
        "collect": "absent",
        "marketing.email": "denied",
    }
    assert set(consents.answers(None).values()) == {"absent"}
    assert set(consents.answers(b"[]").values()) == {"denied"}


def test_what_was_read_is_kept_and_the_memory_of_it_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def noted(raw: bytes) -> Any:
        read.append(raw)
        return json.loads(raw)

    monkeypatch.setattr(module, "_decode", noted)
    monkeypatch.setattr(module, "KEPT", 3)
    consents = Consents(Consent(("share",)))
    one, long = json.dumps(YES).encode(), json.dumps(YES | {"x": "y" * module.KEPT_BYTES}).encode()

    assert [consents.permission(raw, IDS) for raw in (one, bytes(bytearray(one)), long, long, None)][:4] == [ALL] * 4
    assert read == [one, long, long]
    for number in range(10):
        assert consents.permission(json.dumps(NO | {"n": number}).encode(), IDS) == NONE
    assert consents.permission(None, IDS) == NONE
    assert len(consents._kept) <= 5


def test_who_is_left_out_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 3)
    consents, raw = Consents(Consent(("share",))), json.dumps(specific(email={"a": NO}, **YES)).encode()

    first = consents.permission(raw, IDS)
    assert consents.permission(bytes(bytearray(raw)), IDS) is first
    for number in range(10):
        known = b'{"email": [{"id": "a"}, {"id": "%d"}]}' % number
        assert consents.permission(raw, known) == Permission(
            given=True, identities=b'{"email":[{"id": "%d"}]}' % number
        )
    assert len(consents._permitted) <= 3


WORDS: st.SearchStrategy[Any] = st.sampled_from(["y", "n", "p", "u", "dy", "", "x", None, 7, {}])
NODES = st.one_of(WORDS.map(val), st.just({}), WORDS)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "share": NODES,
        "marketing": st.one_of(st.fixed_dictionaries({}, optional={"any": NODES, "email": NODES}), WORDS),
    },
)


@given(SAID, st.dictionaries(st.sampled_from("abc"), SAID), st.sampled_from(["denied", "granted"]))
def test_more_needs_and_fewer_granted_values_never_give_more(said: Any, own: Any, absent: Any) -> None:
    whole = said | {"idSpecific": {"email": own}}

    def sent(*needs: str, granted: Any) -> set[str]:
        found = permission(whole, *needs, granted=granted, absent=absent)
        assert found.given == (found.identities is not None)
        return {each["id"] for each in json.loads(found.identities or b"{}").get("email", [])}

    wide = sent("share", granted=("y", "p"))
    assert sent("share", granted=("y",)) <= wide
    assert sent("share", "marketing.email", granted=("y", "p")) <= wide


@given(SAID, st.dictionaries(st.sampled_from("abc"), SAID))
def test_an_explicit_no_is_never_overruled(said: Any, own: Any) -> None:
    whole = said | {"marketing": {"any": val("n"), "email": val("y")}, "idSpecific": {"email": own}}

    assert permission(whole, "marketing.email", absent="granted", granted=("y", "p", "u")) == NONE
