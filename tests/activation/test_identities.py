from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.identities import clean, same, union

items = st.fixed_dictionaries({"id": st.text(max_size=2)}, optional={"primary": st.booleans(), "n": st.floats(0, 1)})
maps = st.dictionaries(st.sampled_from(["ecid", "email", "é"]), st.lists(items, max_size=4), max_size=3)


def naive_union(several: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for one in several:
        for namespace, listed in one.items():
            for item in listed:
                known = whole.setdefault(namespace, [])
                if all(item["id"] != other["id"] for other in known):
                    known.append(item)
    return whole


def test_a_clean_map_stays_letter_for_letter() -> None:
    text = b'{"ecid": [{"id": "1", "score": 1.50}, {"id": "2"}]}'

    assert clean(json.loads(text), text) == text


@pytest.mark.parametrize(
    "text",
    [
        b"null",
        b"[]",
        b'"ecid"',
        b'{"ecid":{"id":"1"}}',
        b'{"ecid":null}',
        b'{"ecid":["1"]}',
        b'{"ecid":[{}]}',
        b'{"ecid":[{"id":1}]}',
        b'{"ecid":[{"id":null}]}',
        b'{"ecid":[{"id":"1"},[]]}',
    ],
)
def test_what_is_no_identity_map_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="ident"):
        clean(json.loads(text), text)


@settings(deadline=None)
@given(maps)
def test_each_identity_is_kept_once_and_whole(identities: dict[str, Any]) -> None:
    cleaned = json.loads(clean(identities, json.dumps(identities).encode()))

    assert cleaned == naive_union([identities])


@settings(deadline=None)
@given(st.lists(maps, max_size=3))
def test_a_union_keeps_the_first_of_each_identity_in_order(several: list[dict[str, Any]]) -> None:
    merged = union([json.dumps(one).encode() for one in several])

    wanted = naive_union(several)
    assert json.dumps(None if merged is None else json.loads(merged)) == json.dumps(wanted or None)


@settings(deadline=None)
@given(maps, st.randoms())
def test_another_order_is_the_same_and_another_item_is_not(identities: dict[str, Any], random: Any) -> None:
    whole = naive_union([identities])
    shuffled = {
        name: random.sample(items, len(items)) for name, items in random.sample(list(whole.items()), len(whole))
    }

    assert same(json.dumps(whole).encode(), json.dumps(shuffled, indent=1).encode())
    assert not same(json.dumps(whole).encode(), json.dumps(whole | {"new": [{"id": "1"}]}).encode())
    assert same(None, None)
    assert same(None, json.dumps(whole).encode()) is (not whole)
