"""Takes a schema registry's prefix off a value, if the value behind it is JSON; what is Avro or Protobuf is refused."""

from __future__ import annotations

import re

from streams.activation.strict_json import Unreadable
from streams.ends import Reason

PREFIX_BYTES = 5
"""A zero byte and the schema's id, in four: what the serializers of Confluent's registry write before a value."""

_MARKS = (b"\0", b"Obj\x01")
"""How a prefix begins, and how an Avro container file does; no JSON begins so."""

_is_object = re.compile(rb"[ \t\r\n]*\{").match
_REMEDY = "only JSON is read: write the topic with a JSON (or JSON Schema) serializer, or convert it to one"


def unframed(value: bytes) -> bytes:
    """Return the JSON behind a prefix, or *value* as it is; raises Unreadable if it is visibly none."""
    return _behind_mark(value) if value.startswith(_MARKS) else value


def _behind_mark(value: bytes) -> bytes:
    if not value.startswith(b"\0"):
        raise Unreadable(Reason.SCHEMA_ENCODED, f"it is an Avro container file; {_REMEDY}")
    if len(value) <= PREFIX_BYTES:
        return value
    if not _is_object(value, PREFIX_BYTES):
        raise Unreadable(Reason.SCHEMA_ENCODED, f"it is Avro or Protobuf behind a schema registry's prefix; {_REMEDY}")
    return value[PREFIX_BYTES:]
