from __future__ import annotations

import pytest

from streams.activation.events import FragmentChange, Malformed
from streams.activation.framing import unframed
from streams.ends import Reason
from tests.records import INPUTS, a_membership, decoded

PREFIX = b"\x00\x00\x00\x00\x11"


def reason(topic: str, value: bytes) -> Reason | None:
    change = decoded(INPUTS[topic], value)
    return change.reason if isinstance(change, Malformed) else None


def test_json_behind_a_registrys_prefix_is_read_and_kept_without_it() -> None:
    value = a_membership("a", 1, ids={"ecid": [{"id": "1"}]})

    assert decoded(INPUTS["qualifications"], PREFIX + value) == decoded(INPUTS["qualifications"], value)
    assert decoded(INPUTS["profiles"], PREFIX + b' \n{"a": 1.50}') == FragmentChange("profiles", b'{"a":1.50}')


@pytest.mark.parametrize(
    ("value", "wanted", "told"),
    [
        (PREFIX + b"\x06ada\x02", Reason.SCHEMA_ENCODED, "Avro or Protobuf behind a schema registry's prefix"),
        (PREFIX + b"\x00\x0a\x03ada", Reason.SCHEMA_ENCODED, "Avro or Protobuf behind a schema registry's prefix"),
        (PREFIX + b"[1]", Reason.SCHEMA_ENCODED, "Avro or Protobuf behind a schema registry's prefix"),
        (b"Obj\x01\x04\x14avro.codec", Reason.SCHEMA_ENCODED, "an Avro container file"),
        (PREFIX + b'{"a":', Reason.INVALID_JSON, ""),
        (PREFIX, Reason.INVALID_JSON, ""),
        (b"\x00", Reason.INVALID_JSON, ""),
        (b"Object", Reason.INVALID_JSON, ""),
    ],
)
def test_what_is_encoded_by_a_schema_is_told_apart_and_says_what_to_do(value: bytes, wanted: Reason, told: str) -> None:
    change = decoded(INPUTS["profiles"], value)

    assert isinstance(change, Malformed)
    assert change.reason is wanted
    assert told in change.detail
    assert ("write the topic with a JSON (or JSON Schema) serializer" in change.detail) == bool(told)
    assert "ada" not in change.detail


def test_a_value_without_a_prefix_is_not_even_copied() -> None:
    value = b'{"a": 1}'

    assert unframed(value) is value
