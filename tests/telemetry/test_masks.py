from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.secrets import MASK, Secret
from streams.telemetry.masks import MAX_MEMO, Masks

SECRETS = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=4, max_size=40)


def masks(*secrets: str) -> Masks:
    made = Masks()
    for secret in secrets:
        made.hide(Secret(secret))
    return made


@given(SECRETS, st.text(max_size=20), st.text(max_size=20))
def test_a_secret_is_masked_in_every_form_it_is_written_in(secret: str, before: str, after: str) -> None:
    hidden = masks(secret)
    for form in (secret, json.dumps(secret), repr(secret), repr({"token": secret})):
        assert secret not in hidden.text(before + form + after)
    for form in (json.dumps(secret)[1:-1], quote(secret, safe=""), quote_plus(secret)):
        if len(form) >= 4 and secret.isprintable():
            assert form not in hidden.text(f"https://login.example.com/?a={form}&b=1")


@given(st.lists(SECRETS, min_size=1, max_size=5), st.data())
def test_nothing_a_value_holds_shows_a_secret(secrets: list[str], data: st.DataObject) -> None:
    hidden = masks(*secrets)
    leaf = st.one_of(st.sampled_from(secrets).map(lambda s: f"a {s} b"), st.integers(), st.floats(), st.binary())
    nested = st.recursive(leaf, lambda item: st.one_of(st.lists(item), st.dictionaries(st.text(), item)))

    shown = hidden.value(data.draw(nested))

    for text in _leaves(shown):
        assert not [secret for secret in secrets if secret in text]


def _leaves(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in _leaves(item)]
    if isinstance(value, list):
        return [text for item in value for text in _leaves(item)]
    return [str(value)]


def test_bytes_are_never_shown() -> None:
    assert masks().value({"body": b"anna@example.com", "many": [bytearray(3)]}) == {
        "body": "<16 bytes>",
        "many": ["<3 bytes>"],
    }


def test_a_foreign_object_is_shown_masked_and_one_that_cannot_be_printed_is_named() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    shown = masks("hunter22").value([ValueError("no hunter22"), Secret("hunter22"), Broken()])

    assert shown == [f"ValueError: no {MASK}", MASK, "<Broken>"]


def test_a_value_that_holds_itself_has_an_end() -> None:
    endless: list[object] = []
    endless.append(endless)

    assert "..." in str(masks().value(endless))


def test_a_number_that_is_a_secret_is_masked_and_others_stay_numbers() -> None:
    assert masks("12345678").value({"offset": 912345678, "partition": 3, "on": True}) == {
        "offset": MASK,
        "partition": 3,
        "on": True,
    }


def test_a_short_secret_is_masked_where_it_stands_alone() -> None:
    assert masks("abc").text("abc, abcdef and key=abc") == f"{MASK}, abcdef and key={MASK}"


def test_of_two_secrets_the_longer_is_masked_whole() -> None:
    assert masks("hunter22", "hunter22-tail").text("x hunter22-tail y") == f"x {MASK} y"


@pytest.mark.parametrize("empty", ["", Secret("")])
def test_an_empty_secret_masks_nothing(empty: Secret | str) -> None:
    hidden = Masks()
    hidden.hide(empty)

    assert hidden.text("as it was") == "as it was"


def test_what_was_remembered_is_masked_once_a_secret_is_known() -> None:
    hidden = masks()
    assert hidden.memo("refused: hunter22") == "refused: hunter22"

    hidden.hide("hunter22")

    assert hidden.memo("refused: hunter22") == f"refused: {MASK}"
    assert hidden.memo("refused: hunter22") == f"refused: {MASK}"


def test_what_is_remembered_is_bounded_and_still_masked() -> None:
    hidden = masks("hunter22")
    for number in range(MAX_MEMO + 10):
        assert hidden.memo(f"{number} hunter22") == f"{number} {MASK}"

    assert len(hidden._memo) <= MAX_MEMO


def test_an_expired_token_is_looked_for_no_more() -> None:
    hidden = masks("hunter22", "old-token")
    hidden.forget(Secret("old-token"))
    hidden.forget("never known")

    assert hidden.text("old-token hunter22") == f"old-token {MASK}"
