"""What a sample says: what would not be read and why, with a place each, and never a profile's data."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.events import Input, Kind
from streams.sampling.findings import Finding, finding
from streams.sampling.overlaps import keys_of, overlap, problems
from streams.sampling.samples import Sampled
from tests.poison import POISONS
from tests.records import a_fragment, a_membership
from tests.sampling.samples_of import NOW_MS, TOPIC, a_sample

MEMBERSHIPS = Input(Kind.MEMBERSHIP, TOPIC)
PROFILES = Input(Kind.FRAGMENT, TOPIC)
SECRET = "canary"
NAMES = ("segment", "audience_id", "action", "status", "ts", "data", "id", "segmentMembership", "identityMap")


def found(declared: Input | None, records: list[Sampled], partitioner: str = "any") -> Finding:
    return finding(TOPIC, declared, 4, records, partitioner=partitioner, now_ms=NOW_MS)


def test_what_is_well_has_no_problem_and_its_segments_and_statuses_are_counted() -> None:
    values = [a_membership(f"s{n % 2}", status="realized" if n % 3 else "exited") for n in range(30)]
    told = found(MEMBERSHIPS, a_sample(values))

    assert (told.role, told.records, told.decoded, told.problems) == ("memberships", 30, 30, [])
    assert {each.id: each.count for each in told.segments} == {"s0": 15, "s1": 15}
    assert told.statuses == {"exited": 10, "realized": 20}
    assert told.values == {"JSON objects": 30}


def test_each_reason_is_told_once_with_its_count_and_the_place_of_its_first_record() -> None:
    values = [b"{", a_membership(status="realized"), b"{", b"[]", None]
    told = found(MEMBERSHIPS, a_sample(values))

    assert (told.records, told.decoded) == (5, 1)
    assert [(each.reason, each.count, each.example) for each in told.refused] == [
        ("invalid-json", 2, "events-0-0"),
        ("not-an-object", 1, "events-3-0"),
        ("null-value", 1, "events-0-1"),
    ]
    assert told.problems[0].startswith("2 would be dead letters invalid-json, such as events-0-0: ")


def test_a_null_on_a_profile_topic_is_read() -> None:
    told = found(PROFILES, a_sample([None, a_fragment(a=1)]))

    assert (told.decoded, told.refused, told.values) == (2, [], {"null": 1, "JSON objects": 1})


@pytest.mark.parametrize("declared", [None, MEMBERSHIPS, PROFILES])
def test_nothing_of_what_strangers_write_is_told(declared: Input | None) -> None:
    values = [each.value for each in POISONS] + [
        {"email": f"{SECRET}@example.com", "segment": {"name": "s"}, "status": SECRET, SECRET: SECRET, "at": SECRET},
        {f"{SECRET}": {SECRET: 1}},
        SECRET.encode(),
        f'{{"a": {SECRET}'.encode(),
    ]
    records = [
        Sampled(TOPIC, 0, n, NOW_MS, SECRET.encode() + str(n).encode(), each.value)
        for n, each in enumerate(a_sample(values))
    ]

    assert SECRET not in msgspec.json.encode(found(declared, records)).decode()


def test_avro_is_named_by_its_magic_byte_and_its_schema() -> None:
    told = found(PROFILES, a_sample([b"\0\0\0\0\x2a\x02\x06ada"] * 3))

    assert told.values == {"Avro or Protobuf behind a schema registry's prefix (magic byte 0x00)": 3}
    assert told.schemas == [42]
    assert [each.reason for each in told.refused] == ["schema-encoded"]


def test_flat_json_where_xdm_is_declared_gets_a_proposal_that_reads_it() -> None:
    flat = [{"audience_id": "a", "action": ("add", "remove")[n % 2], "ts": NOW_MS} for n in range(20)]
    told = found(MEMBERSHIPS, a_sample(flat))

    assert told.decoded == 0
    assert told.proposal is not None
    assert "segment: $.audience_id" in told.proposal
    assert told.proposal_decodes == 20


def test_a_proposal_is_made_only_where_it_reads_more() -> None:
    told = found(MEMBERSHIPS, a_sample([a_membership(status="realized"), {"audience_id": "a", "action": "add"}]))

    assert told.proposal is None or (told.proposal_decodes or 0) > told.decoded


@pytest.mark.parametrize(
    ("values", "proposed"),
    [
        ([a_membership(status="realized"), a_membership(status="exited")], "inputs:\n  memberships: events"),
        ([a_membership(status="exited")] * 3, "inputs:\n  exits: events"),
        ([a_membership(status="realized")] * 3, "inputs:\n  qualifications: events"),
        (
            [{"segment": f"s{n % 2}", "op": "add"} for n in range(9)],
            "inputs:\n  memberships:\n    topic: events\n    segment: $.segment",
        ),
        (
            [{"segment": f"s{n % 2}"} for n in range(9)],
            "inputs:\n  qualifications:\n    topic: events\n    segment: $.segment",
        ),
        ([a_fragment(a=1)] * 3, "inputs:\n  profiles:\n    - topic: events"),
    ],
)
def test_a_topic_that_is_declared_nowhere_is_read_as_what_it_seems_to_be(values: list[object], proposed: str) -> None:
    told = found(None, a_sample(values))

    assert told.role is None
    assert told.proposal is not None
    assert told.proposal.startswith(proposed)
    assert told.decoded == len(values)


def test_keys_that_are_elsewhere_than_the_setting_says_are_a_problem() -> None:
    records = a_sample([a_fragment(a=n) for n in range(40)])  # one after the other, as round-robin does
    told = found(PROFILES, records, "murmur2")

    assert told.placement.explained == "neither"
    assert any("the setting is partitioner: murmur2, and neither" in problem for problem in told.problems)
    assert "wrong-partition" in {each.reason for each in told.refused}
    assert not found(PROFILES, records).problems


def test_the_same_keys_in_quotes_do_not_meet() -> None:
    one, other = (
        a_sample([a_fragment(a=n) for n in range(9)]),
        a_sample([a_membership(status="realized")] * 9, topic="m"),
    )
    quoted = [
        Sampled("m", each.partition, each.offset, NOW_MS, b'"%s"' % each.key, each.value) for each in other if each.key
    ]
    shared = overlap(keys_of("m", quoted), keys_of(TOPIC, one))

    assert (shared.shared, shared.shared_bare) == (0, 9)
    assert "have the same keys but for what a serializer puts around them" in next(problems([], [shared]))
    assert not list(problems([], [overlap(keys_of("m", other), keys_of(TOPIC, one))]))
    assert overlap(keys_of("m", other), keys_of(TOPIC, one)).share_of_memberships == 1.0


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    values=st.lists(st.none() | st.binary() | st.dictionaries(st.sampled_from(NAMES), _JSON, max_size=5), max_size=8),
    declared=st.sampled_from([None, MEMBERSHIPS, PROFILES]),
    partitioner=st.sampled_from(["any", "murmur2", "crc32"]),
)
def test_whatever_comes_is_counted_and_never_raises(
    values: list[Any], declared: Input | None, partitioner: str
) -> None:
    told = found(declared, a_sample(values), partitioner)

    assert told.records == len(values) == sum(told.values.values()) == sum(told.keys.values())
    assert told.decoded + sum(each.count for each in told.refused) == len(values)
    msgspec.json.encode(told)


def test_of_a_topic_that_nobody_has_declared_the_paths_are_told_by_which_it_can_be() -> None:
    values = [f'{{"x": "s{n}", "y": {{"z": {n}}}}}'.encode() for n in range(10)]

    assert found(None, a_sample(values)).notes[-1] == "its records have $.x, $.y.z"
    assert not any("its records have" in note for note in found(PROFILES, a_sample(values)).notes)
