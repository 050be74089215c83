"""Which identities a destination is sent, and what they are called and look like there."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.selections import REMEMBERED, Selection
from streams.destinations import Identity

NAMES = ["ecid", "email", "phone", "é"]
items = st.fixed_dictionaries({"id": st.text(st.sampled_from('aB1" \\'), max_size=3)}, optional={"primary": st.just(1)})
maps = st.dictionaries(
    st.sampled_from(NAMES),
    st.lists(items, min_size=1, max_size=3, unique_by=lambda item: str(item["id"])),
    min_size=1,
)
selections = st.lists(
    st.builds(
        Identity, st.sampled_from(NAMES), st.sampled_from(["x", "y", "email"]), st.sampled_from([None, "sha256"])
    ),
    unique_by=lambda each: each.namespace,
    max_size=4,
)


def text_of(known: Any) -> bytes:
    return json.dumps(known).encode()


def digits(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def sent(known: Any, *selected: Identity) -> Any:
    found = Selection(selected).sent(text_of(known))
    return None if found is None else json.loads(found)


def test_all_go_as_they_come_letter_for_letter() -> None:
    text = b'{"ecid": [{"id": "1", "score": 1.50}]}'

    assert Selection(None).sent(text) is text
    assert Selection(None).sent(None) is None


def test_what_is_not_selected_does_not_leave() -> None:
    known = {"ecid": [{"id": "1"}], "email": [{"id": "a@b.c", "primary": True}]}

    assert sent(known, Identity("email", "email")) == {"email": [{"id": "a@b.c", "primary": True}]}
    assert sent(known, Identity("phone", "phone")) is None
    assert sent(known) is None


def test_a_hashed_item_keeps_its_other_members_and_its_number_spellings() -> None:
    known = b'{"email": [{"primary": true, "id": " A@B.c", "score": 1.50}]}'

    found = Selection([Identity("email", "email_lc_sha256", "sha256")]).sent(known)

    assert found == b'{"email_lc_sha256":[{"primary":true,"id":"%b","score":1.50}]}' % digits("a@b.c").encode()


def test_two_namespaces_with_one_target_are_one_each_id_once() -> None:
    known = {"crm": [{"id": "A@b.c", "n": 1}, {"id": "d"}], "ecid": [{"id": "1"}], "email": [{"id": "a@b.c", "n": 2}]}

    both = sent(known, Identity("email", "contact"), Identity("crm", "contact"))
    hashed = sent(known, Identity("email", "contact", "sha256"), Identity("crm", "contact", "sha256"))

    assert both == {"contact": [{"id": "A@b.c", "n": 1}, {"id": "d"}, {"id": "a@b.c", "n": 2}]}
    assert hashed == {"contact": [{"id": digits("a@b.c"), "n": 1}, {"id": digits("d")}]}


def test_an_id_that_has_nothing_to_hash_does_not_leave() -> None:
    known = {"email": [{"id": " "}, {"id": "a"}], "ecid": [{"id": ""}]}

    assert sent(known, Identity("email", "email", "sha256"), Identity("ecid", "ecid", "sha256")) == {
        "email": [{"id": digits("a")}]
    }


def test_an_id_that_is_there_twice_in_an_item_leaves_hashed_only() -> None:
    known = b'{"email": [{"id": "first@b.c", "\\u0069d": "second@b.c"}]}'

    found = Selection([Identity("email", "email", "sha256")]).sent(known)

    assert found == b'{"email":[{"id":"%b"}]}' % digits("second@b.c").encode()


@settings(deadline=None)
@given(maps, selections)
def test_each_identity_that_is_selected_is_sent_once_and_no_other(known: Any, selected: Any) -> None:
    wanted: dict[str, dict[str, Any]] = {}
    by_namespace = {each.namespace: each for each in selected}
    for namespace, listed in known.items():
        for item in listed:
            if (chosen := by_namespace.get(namespace)) is not None:
                plain = item["id"].strip().lower()
                id_ = (digits(plain) if plain else None) if chosen.hash else item["id"]
                if id_ is not None:
                    wanted.setdefault(chosen.target, {}).setdefault(id_, {**item, "id": id_})

    found = sent(known, *selected)

    assert found == ({target: list(each.values()) for target, each in wanted.items()} or None)
    assert list(found or ()) == list(wanted)


@pytest.mark.parametrize(
    ("required", "known", "missing"),
    [
        ((), None, ()),
        (("email",), None, ("email",)),
        (("email",), {"email": [{"id": "1"}]}, ()),
        (("email", "ecid"), {"email": [{"id": "1"}]}, ("ecid",)),
        (("crm",), {"email": [{"id": "1"}]}, ("crm",)),
        (("email",), {"email": [{"id": " "}]}, ("email",)),
        (("phone",), {"phone": [{"id": " "}]}, ()),
    ],
)
def test_a_required_namespace_is_meant_as_it_comes(required: Any, known: Any, missing: Any) -> None:
    selection = Selection([Identity("email", "crm", "sha256"), Identity("phone", "phone")], required)

    assert selection.missing(None if known is None else text_of(known)) == missing


@pytest.mark.parametrize(
    ("before", "now", "is_concerned"),
    [
        (None, {"ecid": [{"id": "1"}]}, False),
        ({"email": [{"id": "A"}]}, {"email": [{"id": "a "}]}, False),
        ({"email": [{"id": "a"}]}, {"email": [{"id": "b"}]}, True),
        ({"email": [{"id": "a"}]}, None, True),
        ({"email": [{"id": "a"}]}, {"email": [{"id": "a", "primary": True}]}, True),
        (None, {"loyalty": [{"id": "1"}]}, True),
        ({"loyalty": [{"id": "1"}]}, {"loyalty": [{"id": "2"}]}, False),
        ({"loyalty": [{"id": "1"}]}, None, False),
    ],
)
def test_a_change_concerns_where_something_else_is_sent_or_what_is_waited_for_comes(
    before: Any, now: Any, is_concerned: bool
) -> None:
    selection = Selection([Identity("email", "email", "sha256")], ["loyalty"])
    texts = [None if known is None else text_of(known) for known in (before, now)]

    assert selection.is_concerned(*texts) is is_concerned


def test_what_is_remembered_is_bounded() -> None:
    selection = Selection([Identity("email", "email")], ["email"])
    long = text_of({"email": [{"id": "x" * 5_000}]})

    for number in range(1_000):
        known = b'{"email":[{"id":"%d"}]}' % number
        assert selection.sent(known) == known

    assert selection._remembered.cache_info().currsize == REMEMBERED
    assert selection.sent(long) is not None
    assert selection.missing(long) == ()
    assert selection._lacked.cache_info().currsize == 0
