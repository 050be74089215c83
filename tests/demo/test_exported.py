"""Exports and dead letters are told once each, by what stands on Kafka."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest
from aiokafka import ConsumerRecord

from streams.demo.board import Exported
from streams.demo.exported import Parked, Topics
from streams.exports import Meta, encode_meta


@dataclass
class Found:
    """A record as a consumer returns it."""

    topic: str
    offset: int
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    partition: int = 0
    key: bytes | None = b"amira"


META = encode_meta(Meta(1, 1, "entered", "entries-1-7"))
EXPORT = [("streams.id", b"id-1"), ("streams.meta", META)]
LETTER = [
    ("__connect.errors.topic", b"entries"),
    ("__connect.errors.partition", b"1"),
    ("__connect.errors.offset", b"7"),
    ("streams.reason", b"invalid-json"),
]


@pytest.fixture
def told() -> list[Exported | Parked]:
    return []


@pytest.fixture
def topics(told: list[Exported | Parked]) -> Topics:
    return Topics("demo", told.append, told.append)


def take(topics: Topics, record: Found) -> None:
    topics.take(cast(ConsumerRecord, record))


def test_an_export_is_told_with_its_source_and_destination(topics: Topics, told: list[Exported | Parked]) -> None:
    take(topics, Found("demo.exports.crm.1", 3, EXPORT))

    assert told == [Exported("id-1", "demo.exports.crm.1-0-3", "entries-1-7", "crm", "amira", "entered")]
    assert topics.exports == {"crm": 1}


def test_a_dead_letter_is_told_with_what_it_was(topics: Topics, told: list[Exported | Parked]) -> None:
    take(topics, Found("demo.dead-letters", 0, LETTER))

    assert told == [("entries-1-7", "invalid-json")]
    assert topics.dead_letters == 1


def test_a_dead_letter_of_an_export_is_no_export(topics: Topics, told: list[Exported | Parked]) -> None:
    take(topics, Found("demo.dead-letters", 0, [*EXPORT, *LETTER]))

    assert topics.exports == {}
    assert topics.dead_letters == 1


def test_what_is_read_again_is_told_once(topics: Topics, told: list[Exported | Parked]) -> None:
    for offset in (0, 1, 0, 1, 2):
        take(topics, Found("demo.exports.crm.1", offset, EXPORT))

    assert len(told) == 3


def test_a_record_that_is_none_of_ours_is_passed_over(topics: Topics, told: list[Exported | Parked]) -> None:
    take(topics, Found("demo.exports.crm.1", 0))

    assert told == []
