"""The records of the benchmarks: fragments of profiles, memberships each of which has its export, and such exports.

A membership has about 280 bytes and a fragment 671, or more where the body that follows is to be larger: the bodies
have about 512 bytes, or as many as are asked for. Each has its profile's key once, by which the endpoint counts it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from tests.deliverables import export_headers

Pair = tuple[bytes, bytes]


class Entry(NamedTuple):
    """A record that is to be written."""

    topic: str
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()


PARTITIONS = 4
FRAGMENT_BYTES = 671
SMALL_BODY_BYTES = 512
"""Of what follows from a fragment of that size."""
SEGMENTS = ("segment-a", "segment-b", "segment-c")
ATTRIBUTES = ("person.id", "homeAddress.city", "homeAddress.country")

_BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)


def key_of(number: int) -> bytes:
    """Return a profile's id."""
    return b"profile-%08d" % number


def fragment(number: int, size: int = FRAGMENT_BYTES, *, city: str = "Paris") -> bytes:
    """Return a profile's fragment of *size* bytes, three attributes of which are mapped."""
    profile: dict[str, Any] = {
        "person": {"id": key_of(number).decode(), "name": {"firstName": "Ada", "lastName": "Lovelace"}},
        "personalEmail": {"address": f"ada.{number}@example.org", "type": "personal"},
        "homeAddress": {"city": city, "country": "FR", "geo": {"lat": 48.8690, "lon": 2.3310}},
        "orders": [{"id": f"o-{number}", "amount": 12.5, "currency": "EUR"}],
        "preferences": {"newsletter": True, "topics": ["sport", "music", "travel"]},
        "note": "",
    }
    profile["note"] = "n" * (size - len(_json(profile)))
    return _json(profile)


def fragment_for(number: int, payload_bytes: int) -> bytes:
    """Return the fragment of a profile whose exports have about *payload_bytes*."""
    more = payload_bytes - SMALL_BODY_BYTES
    return fragment(number, FRAGMENT_BYTES + more, city="Paris" + " " * more)


def memberships(numbers: Iterable[int], turn: int, *, segment: int) -> Iterator[tuple[str, Pair]]:
    """Yield a record of one *segment* for each profile, with the input that it belongs to.

    In every turn each membership becomes the other one, so each record has its export, in whatever order they come.
    """
    entered = is_entry(turn, segment)
    entry = {"status": "realized" if entered else "exited", "lastQualificationTime": _time(turn)}
    start = _json({"segmentMembership": {"ups": {SEGMENTS[segment]: entry}}})[:-1]
    for number in numbers:
        value = start + b',"identityMap":' + _identities(number) + b"}"
        yield "qualifications" if entered else "exits", (key_of(number), value)


def is_entry(turn: int, segment: int) -> bool:
    """Whether the record of a turn and a segment is a qualification; what was so in turn 0 is otherwise in turn 1."""
    return (turn + segment // 2) % 2 == 0


def export(topic: str, number: int, payload_bytes: int, *, revision: int) -> Entry:
    """Return an export as activation would write it."""
    body = {
        "segmentMembership": {
            "ups": {name: {"lastQualificationTime": _time(0), "status": "realized"} for name in SEGMENTS}
        },
        "identityMap": json.loads(_identities(number)),
        "person": {"id": key_of(number).decode()},
        "note": "",
    }
    body["note"] = "n" * (payload_bytes - len(_json(body)))
    id_ = str(uuid.UUID(int=(revision << 64) + number))
    return Entry(topic, key_of(number), _json(body), export_headers(id_, revision))


def _identities(number: int) -> bytes:
    ecid = f"{14575006536349286404619648085736425115 + number}"
    return _json({"ecid": [{"id": ecid}], "email_lc_sha256": [{"id": sha256(key_of(number)).hexdigest()}]})


def _time(turn: int) -> str:
    return (_BEGINNING + timedelta(minutes=turn)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
