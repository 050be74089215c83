"""Records that cannot be read, one for each kind of mistake that a stranger makes, and why each becomes a dead letter.

It shares no code with the worker: what is wrong with a record, and the word for it, are written down here once more.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

MIB = 1024 * 1024
KEYS: dict[str, bytes | None] = {"a null key": None, "an empty key": b""}
"""The kinds that are wrong by their keys."""
TIME = "2020-05-25T21:24:39Z"
REGISTRY = b"\x00\x00\x00\x00\x11"


class Poison(NamedTuple):
    """A record that cannot be read; *role* is the kind of topic that it is wrong on."""

    role: str
    kind: str
    reason: str
    value: bytes | None

    def key(self, profile: bytes) -> bytes | None:
        """Return the key of such a record among those of *profile*."""
        return KEYS.get(self.kind, profile)


def entry(**of: Any) -> bytes:
    """Return a membership record of one segment, with what is given of its entry."""
    return json.dumps({"segmentMembership": {"ups": {"a": of}}}).encode()


def member(**more: Any) -> bytes:
    """Return a membership record that is right, but for *more*."""
    entered = {"status": "realized", "lastQualificationTime": TIME}
    return json.dumps({"segmentMembership": {"ups": {"a": entered}}, **more}).encode()


ANYWHERE: tuple[tuple[str, str, bytes | None], ...] = (
    ("nothing", "invalid-json", b""),
    ("half of an object", "invalid-json", b'{"a": {"b": 1}'),
    ("two objects", "invalid-json", b"{}{}"),
    ("single quotes", "invalid-json", b"{'a': 1}"),
    ("NaN", "invalid-json", b'{"a": NaN}'),
    ("a byte order mark", "invalid-json", b'\xef\xbb\xbf{"a": 1}'),
    ("a lone surrogate", "invalid-json", b'{"a": "\\ud800"}'),
    ("Latin-1", "not-utf8", '{"a": "é"}'.encode("latin-1")),
    ("UTF-16", "not-utf8", '{"a": 1}'.encode("utf-16")),
    ("a surrogate in UTF-8", "not-utf8", b'{"a": "\xed\xa0\x80"}'),
    ("an array", "not-an-object", b'[{"a": 1}]'),
    ("a text", "not-an-object", b'"{}"'),
    ("null as JSON", "not-an-object", b"null"),
    ("more than 1 MiB", "too-large", b'{"a": "%s"}' % (b"x" * MIB)),
    ("65 levels", "too-deep", b'{"a": ' + b"[" * 64 + b"]" * 64 + b"}"),
    ("a hundred thousand levels", "too-deep", b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ("4 301 digits", "number-too-long", b'{"a": %s}' % (b"9" * 4_301)),
    ("1e999", "number-out-of-range", b'{"a": 1e999}'),
    ("Avro behind a registry's prefix", "schema-encoded", REGISTRY + b"\x06ada\x02"),
    ("Protobuf behind a registry's prefix", "schema-encoded", REGISTRY + b"\x00\x0a\x03ada"),
    ("an Avro file", "schema-encoded", b"Obj\x01\x04\x14avro.codec\x08null"),
    ("half an object behind a registry's prefix", "invalid-json", REGISTRY + b'{"a": '),
    ("an identityMap that is a list", "invalid-identity-map", member(identityMap=[])),
    ("an identity without an id", "invalid-identity-map", member(identityMap={"ecid": [{}]})),
    ("an identity whose id is a number", "invalid-identity-map", member(identityMap={"ecid": [{"id": 5}]})),
    ("a null key", "null-key", member()),
    ("an empty key", "null-key", member()),
)
MEMBERSHIPS: tuple[tuple[str, str, bytes | None], ...] = (
    ("null", "null-value", None),
    ("no segmentMembership", "missing-membership", b'{"person": {}}'),
    ("no segment", "missing-membership", b'{"segmentMembership": {"ups": {}}}'),
    ("a segmentMembership that is a text", "invalid-membership", b'{"segmentMembership": "a"}'),
    ("a membership that is a text", "invalid-membership", b'{"segmentMembership": {"ups": {"a": "realized"}}}'),
    ("an unknown status", "unknown-status", entry(status="gone", lastQualificationTime=TIME)),
    ("a status that is null", "unknown-status", entry(status=None, lastQualificationTime=TIME)),
    ("no time", "invalid-time", entry(status="realized")),
    (
        "an end before the beginning",
        "invalid-time",
        entry(status="realized", lastQualificationTime="2020-05-25T21:24:39Z", validUntil="2020-05-25T21:24:38Z"),
    ),
    ("a time that is a number", "invalid-time", entry(status="realized", lastQualificationTime=1_590_441_879)),
    ("a time without a zone", "invalid-time", entry(status="realized", lastQualificationTime="2020-05-25T21:24:39")),
    ("a 30th of February", "invalid-time", entry(status="realized", lastQualificationTime="2020-02-30T21:24:39Z")),
    ("a time far ahead", "future-time", entry(status="realized", lastQualificationTime="2999-05-25T21:24:39Z")),
    (
        "a wrong one among right ones",
        "invalid-time",
        json.dumps(
            {
                "segmentMembership": {
                    "ups": {"a": {"status": "realized", "lastQualificationTime": TIME}, "b": {"status": "realized"}}
                }
            }
        ).encode(),
    ),
)

POISONS = [
    *(Poison(role, *each) for role in ("qualifications", "memberships", "profiles") for each in ANYWHERE),
    *(Poison(role, *each) for role in ("qualifications", "memberships") for each in MEMBERSHIPS),
    Poison("memberships", "no status", "missing-status", entry(lastQualificationTime=TIME)),
    Poison("qualifications", "an exit", "contradicting-status", entry(status="exited", lastQualificationTime=TIME)),
    Poison("exits", "a qualification", "contradicting-status", member()),
]
"""Each kind, on each role of topic where it is one."""
