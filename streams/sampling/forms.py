"""What a record's value and key are made of, by what can be seen of their bytes; nothing of their content is told."""

from __future__ import annotations

from enum import StrEnum

from streams.activation.framing import PREFIX_BYTES, unframed
from streams.activation.strict_json import Unreadable, read_object
from streams.ends import Reason


class Form(StrEnum):
    """What the values of a topic are."""

    JSON = "JSON objects"
    PREFIXED = "JSON objects behind a schema registry's prefix"
    ENCODED = "Avro or Protobuf behind a schema registry's prefix (magic byte 0x00)"
    AVRO = "Avro container files (magic bytes Obj 0x01)"
    GZIP = "compressed by the application with gzip (magic bytes 0x1f 0x8b)"
    ZSTD = "compressed by the application with zstd (magic bytes 0x28 0xb5 0x2f 0xfd)"
    JAVA = "serialized Java objects (magic bytes 0xac 0xed)"
    OTHER_JSON = "JSON, but no objects"
    BROKEN = "objects that are not, or not wholly, readable JSON"
    TEXT = "text that is no JSON"
    BINARY = "no UTF-8"
    NULL = "null"


_MARKS = ((b"Obj\x01", Form.AVRO), (b"\x1f\x8b", Form.GZIP), (b"\x28\xb5\x2f\xfd", Form.ZSTD), (b"\xac\xed", Form.JAVA))


def form_of(value: bytes | None) -> Form:
    """Return what *value* is."""
    if value is None:
        return Form.NULL
    marked = next((form for mark, form in _MARKS if value.startswith(mark)), None)
    if marked is not None:
        return marked
    try:
        read_object(unframed(value))
    except Unreadable as error:
        return _unreadable(value, error.reason)
    return Form.PREFIXED if value.startswith(b"\0") else Form.JSON


def _unreadable(value: bytes, reason: Reason) -> Form:
    if reason is Reason.SCHEMA_ENCODED:
        return Form.ENCODED
    if reason is Reason.NOT_UTF8:
        return Form.BINARY
    if reason is Reason.NOT_AN_OBJECT:
        return Form.OTHER_JSON
    return Form.BROKEN if value.lstrip()[:1] == b"{" else Form.TEXT


def schema_of(value: bytes | None) -> int | None:
    """Return the id of the schema that a registry's prefix names; None where there is none."""
    if value is None or not value.startswith(b"\0") or len(value) <= PREFIX_BYTES:
        return None
    return int.from_bytes(value[1:PREFIX_BYTES])


class KeyForm(StrEnum):
    """What the keys of a topic are: the profile id is the key as it stands, so all inputs must write it alike."""

    TEXT = "text"
    QUOTED = "text in quotes, as a JSON serializer writes it"
    OBJECT = "JSON objects"
    PREFIXED = "behind a schema registry's prefix"
    BINARY = "binary, such as numbers of a fixed width"
    NONE = "none, or empty"


def key_form_of(key: bytes | None) -> KeyForm:
    """Return what *key* is."""
    if not key:
        return KeyForm.NONE
    if key.startswith(b"\0") and len(key) > PREFIX_BYTES:
        return KeyForm.PREFIXED
    try:
        text = key.decode()
    except UnicodeDecodeError:
        return KeyForm.BINARY
    if not text.isprintable():
        return KeyForm.BINARY
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        return KeyForm.QUOTED
    return KeyForm.OBJECT if text.startswith("{") else KeyForm.TEXT


def bare(key: bytes) -> bytes:
    """Return what a key would be without what a serializer has put around it."""
    form = key_form_of(key)
    if form is KeyForm.QUOTED:
        return key[1:-1]
    return bare(key[PREFIX_BYTES:].lstrip(b"\0")) if form is KeyForm.PREFIXED else key
