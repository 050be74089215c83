"""Whole cases, typed by hand: what comes in, what is mapped, and what each record must lead to, text for text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from streams.activation.activate import Activation
from streams.destinations import Segment
from tests.records import NOW_MS, SOURCES, Life, a_destination, an_attribute

CASES = sorted(path.parent for path in Path(__file__).parent.glob("golden/*/expected.json"))


class Record(msgspec.Struct):
    topic: str
    value: msgspec.Raw
    timestamp: int = NOW_MS


class Expected(msgspec.Struct):
    end: str
    exports: dict[str, msgspec.Raw] = {}


def read(text: bytes | msgspec.Raw) -> Any:
    """Read JSON such that the order of members and the spelling of numbers count."""
    return json.loads(bytes(text), object_pairs_hook=tuple, parse_float=lambda t: (t,), parse_int=lambda t: (t,))


def activation_of(document: Any) -> Activation:
    destinations = [
        a_destination(
            segments=[Segment(**s) if isinstance(s, dict) else s for s in fields.pop("segments")],
            attributes=[an_attribute(**a) if isinstance(a, dict) else a for a in fields.pop("attributes")],
            **fields,
        )
        for fields in document["destinations"]
    ]
    return Activation(destinations, SOURCES, merge=document.get("merge", "newest"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_each_record_leads_to_exactly_the_exports_typed_by_hand(case: Path) -> None:
    life = Life(activation_of(json.loads((case / "destinations.json").read_bytes())))
    records = msgspec.json.decode((case / "inputs.json").read_bytes(), type=list[Record])
    expected = msgspec.json.decode((case / "expected.json").read_bytes(), type=list[Expected])

    for number, (record, wanted) in enumerate(zip(records, expected, strict=True)):
        value = None if bytes(record.value) == b"null" else bytes(record.value)
        step = life.take(record.topic, value, timestamp=record.timestamp)

        assert step.end == wanted.end, f"record {number}"
        assert {e.destination.name: read(e.body) for e in step.exports} == {
            name: read(body) for name, body in wanted.exports.items()
        }, f"record {number}"


def test_the_seed_arrives_as_exactly_its_json_and_nothing_more() -> None:
    case = Path(__file__).parent / "golden" / "seed"
    life = Life(activation_of(json.loads((case / "destinations.json").read_bytes())))
    for record in msgspec.json.decode((case / "inputs.json").read_bytes(), type=list[Record]):
        life.take(record.topic, bytes(record.value))

    assert read(life.exports[-1].body) == read((case / "seed.json").read_bytes())
