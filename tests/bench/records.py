"""The records of the benchmarks: fragments of profiles, and memberships each of which makes its profile enter or exit.

A fragment has 671 bytes, a membership about 280, and the body that follows from them about 512.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

Pair = tuple[bytes, bytes]

PARTITIONS = 4
FRAGMENT_BYTES = 671
SEGMENTS = ("segment-a", "segment-b", "segment-c")
ATTRIBUTES = ("person.id", "homeAddress.city", "homeAddress.country")
BATCH_BYTES = 900_000

_BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)


def key_of(number: int) -> bytes:
    """Return a profile's id."""
    return b"profile-%08d" % number


def fragment(number: int, size: int = FRAGMENT_BYTES) -> bytes:
    """Return a profile's fragment of *size* bytes, three attributes of which are mapped."""
    profile: dict[str, Any] = {
        "person": {"id": key_of(number).decode(), "name": {"firstName": "Ada", "lastName": "Lovelace"}},
        "personalEmail": {"address": f"ada.{number}@example.org", "type": "personal"},
        "homeAddress": {"city": "Paris", "country": "FR", "geo": {"lat": 48.8690, "lon": 2.3310}},
        "orders": [{"id": f"o-{number}", "amount": 12.5, "currency": "EUR"}],
        "preferences": {"newsletter": True, "topics": ["sport", "music", "travel"]},
        "note": "",
    }
    profile["note"] = "n" * (size - len(_json(profile)))
    return _json(profile)


def memberships(profiles: int, turn: int) -> Iterator[tuple[str, Pair]]:
    """Yield the records of one *turn*, three per profile, each with the input that it belongs to.

    In every turn each membership becomes the other one, so each record has its export, in whatever order they come.
    """
    for place, segment in enumerate(SEGMENTS):
        entered = (turn + place // 2) % 2 == 0
        entry = {"status": "realized" if entered else "exited", "lastQualificationTime": _time(turn)}
        start = _json({"segmentMembership": {"ups": {segment: entry}}})[:-1]
        for number in range(profiles):
            value = start + b',"identityMap":' + _identities(number) + b"}"
            yield "qualifications" if entered else "exits", (key_of(number), value)


async def write(bootstrap: str, records: Iterable[tuple[str, Pair]]) -> None:
    """Append (topic, (key, value)) records as fast as the broker takes them, spread as Kafka's own clients do."""
    waiting: dict[tuple[str, int], list[Pair]] = defaultdict(list)
    numbers, partition_of = list(range(PARTITIONS)), DefaultPartitioner()
    for topic, pair in records:
        waiting[topic, partition_of(pair[0], numbers, numbers)].append(pair)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES) as producer:
        answers = [
            await producer.send_batch(batch, topic, partition=partition)
            for (topic, partition), pairs in waiting.items()
            for batch in _batches(producer, pairs)
        ]
        for answer in answers:
            await answer


def _batches(producer: AIOKafkaProducer, pairs: Iterable[Pair]) -> Iterator[Any]:
    batch = producer.create_batch()
    for key, value in pairs:
        if batch.append(timestamp=None, key=key, value=value, headers=[]) is None:
            batch.close()
            yield batch
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value, headers=[])
    batch.close()
    yield batch


def _identities(number: int) -> bytes:
    ecid = f"{14575006536349286404619648085736425115 + number}"
    return _json({"ecid": [{"id": ecid}], "email_lc_sha256": [{"id": sha256(key_of(number)).hexdigest()}]})


def _time(turn: int) -> str:
    return (_BEGINNING + timedelta(minutes=turn)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
