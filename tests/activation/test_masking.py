"""Values are shown by type and length, names as they are; nothing below a mapped path is shown at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.activation.masking import Mask

MASKED, REVEALED = Mask(reveal=False), Mask(reveal=True)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("amira@example.com", "<text, 17 characters>"),
        ("é", "<text, 1 character>"),
        (12345, "<number, 5 characters>"),
        (True, "<true or false>"),
        (False, "<true or false>"),
        (None, None),
        (["a", "b"], "<list of 2>"),
        ({"amira@example.com": 1}, "<object of 1>"),
    ],
)
def test_a_value_is_its_type_and_its_length(value: Any, shown: Any) -> None:
    text = json.dumps(value).encode()

    assert json.loads(bytes(MASKED.value(text))) == shown
    assert bytes(REVEALED.value(text)) == text


def test_a_body_keeps_its_names_and_memberships_and_hides_what_is_mapped() -> None:
    body = {
        "person": {"email": "amira@example.com", "by": {"amira@example.com": 1}},
        "segmentMembership": {"ups": {"readers": {"status": "exited"}}},
        "identityMap": {"ecid": [{"id": "14575", "primary": True}]},
    }
    text = json.dumps(body).encode()

    shown = json.loads(bytes(MASKED.body(text, {("person", "email"), ("person", "by")})))

    assert shown == {
        "person": {"email": "<text, 17 characters>", "by": "<object of 1>"},
        "segmentMembership": body["segmentMembership"],
        "identityMap": {"ecid": [{"id": "<text, 5 characters>", "primary": "<true or false>"}]},
    }
    assert bytes(REVEALED.body(text, ())) == text


def test_what_no_attribute_is_said_to_stand_at_is_masked_all_the_same() -> None:
    assert json.loads(bytes(MASKED.body(b'{"a": {"b": "x"}, "c": "y"}', ()))) == {
        "a": {"b": "<text, 1 character>"},
        "c": "<text, 1 character>",
    }


def test_a_profile_id_is_masked_and_one_that_is_no_text_can_be_shown() -> None:
    assert MASKED.key(b"amira") == "<text, 5 characters>"
    assert REVEALED.key(b"amira") == "amira"
    assert REVEALED.key(b"\xff") == "\\xff"
