"""What can be seen of a value's and a key's bytes is named, and nothing else of them is told."""

from __future__ import annotations

import gzip

import pytest

from streams.sampling.forms import Form, KeyForm, bare, form_of, key_form_of, schema_of

PREFIX = b"\0" + (7).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (None, Form.NULL),
        (b'{"a": 1}', Form.JSON),
        (PREFIX + b'{"a": 1}', Form.PREFIXED),
        (PREFIX + b"\x02\x06ada", Form.ENCODED),
        (PREFIX + b"\x00\x0a\x03ada", Form.ENCODED),
        (b"Obj\x01\x04\x14avro.codec", Form.AVRO),
        (gzip.compress(b"{}", mtime=0), Form.GZIP),
        (b"\x28\xb5\x2f\xfd\x00", Form.ZSTD),
        (b"\xac\xed\x00\x05t", Form.JAVA),
        (b"[1, 2]", Form.OTHER_JSON),
        (b'"a"', Form.OTHER_JSON),
        (b'{"a": ', Form.BROKEN),
        (b"{'a': 1}", Form.BROKEN),
        (b"a,b,c", Form.TEXT),
        (b"<a/>", Form.TEXT),
        (b"", Form.TEXT),
        ("Zoë".encode("latin-1"), Form.BINARY),
    ],
)
def test_a_value_is_named_by_what_its_bytes_show(value: bytes | None, form: Form) -> None:
    assert form_of(value) is form


def test_a_prefix_names_its_schema() -> None:
    assert schema_of(PREFIX + b"\x02") == 7
    assert [schema_of(value) for value in (None, b"{}", b"\0", PREFIX)] == [None] * 4


@pytest.mark.parametrize(
    ("key", "form", "stripped"),
    [
        (None, KeyForm.NONE, None),
        (b"", KeyForm.NONE, None),
        (b"ada@example.com", KeyForm.TEXT, b"ada@example.com"),
        (b'"ada"', KeyForm.QUOTED, b"ada"),
        (b'{"id": 1}', KeyForm.OBJECT, b'{"id": 1}'),
        (PREFIX + b'"ada"', KeyForm.PREFIXED, b"ada"),
        ((42).to_bytes(8, "big"), KeyForm.PREFIXED, None),
        (b"\x01\x02\x03\x04", KeyForm.BINARY, b"\x01\x02\x03\x04"),
        (b"\xff\xfe", KeyForm.BINARY, b"\xff\xfe"),
    ],
)
def test_a_key_is_named_and_bared_of_what_a_serializer_puts_around_it(
    key: bytes | None, form: KeyForm, stripped: bytes | None
) -> None:
    assert key_form_of(key) is form
    if stripped is not None and key is not None:
        assert bare(key) == stripped
