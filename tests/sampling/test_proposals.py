"""What is proposed for flat JSON can be pasted, is read as a setting, and decodes the sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.activation.events import Kind
from streams.configuration.meanings import inputs_of
from streams.configuration.settings import load
from streams.sampling import proposals
from tests.sampling.samples_of import NOW_MS, TOPIC, a_sample

ACTIONS = ("add", "remove")


def flat(n: int) -> dict[str, Any]:
    return {"audience_id": f"a{n % 3}", "action": ACTIONS[n % 2], "ts": NOW_MS - n, "noise": f"x{n}"}


def nested(n: int) -> dict[str, Any]:
    return {"meta": {"occurredAt": "2020-05-25T21:24:39Z"}, "segment": {"key": 7 + n % 2}, "member": n % 2 == 0}


def exact(n: int) -> dict[str, Any]:
    return {"segmentId": "s", "status": ("realized", "exited")[n % 2], "updated": (NOW_MS - n) // 1000}


@pytest.mark.parametrize(
    ("make", "lines"),
    [
        (
            flat,
            [
                "segment: $.audience_id",
                "status: $.action",
                "statusValues: {add: realized, remove: exited}",
                "time: $.ts",
                "timeUnit: milliseconds",
            ],
        ),
        (
            nested,
            [
                "segment: $.segment.key",
                "status: $.member",
                'statusValues: {"false": exited, "true": realized}',
                "time: $.meta.occurredAt",
            ],
        ),
        (exact, ["segment: $.segmentId", "status: $.status", "time: $.updated", "timeUnit: seconds"]),
    ],
)
def test_paths_that_fit_are_proposed_and_read_the_whole_sample(make: Any, lines: list[str], tmp_path: Path) -> None:
    records = a_sample([make(n) for n in range(40)])
    proposal = proposals.memberships(TOPIC, Kind.MEMBERSHIP, records, NOW_MS)

    assert proposal is not None
    assert [line.strip() for line in proposal.yaml.splitlines()] == [
        "inputs:",
        "memberships:",
        f"topic: {TOPIC}",
        *lines,
    ]
    (tmp_path / "streams.yaml").write_text(proposal.yaml)
    pasted = inputs_of(load(tmp_path / "streams.yaml", {}))[TOPIC]
    assert proposals.decoded(pasted, records, NOW_MS) == proposal.decoded == len(records)


def test_a_sample_of_entries_alone_has_the_word_for_exits_too() -> None:
    records = a_sample([flat(2 * n) for n in range(20)])
    proposal = proposals.memberships(TOPIC, Kind.MEMBERSHIP, records, NOW_MS)

    assert proposal is not None
    assert "statusValues: {add: realized, remove: exited}" in proposal.yaml


def test_where_nothing_looks_like_a_segment_nothing_is_proposed() -> None:
    assert proposals.memberships(TOPIC, Kind.MEMBERSHIP, a_sample([{"a": 1}] * 20), NOW_MS) is None
    assert proposals.memberships(TOPIC, Kind.MEMBERSHIP, a_sample([b"a,b"] * 20), NOW_MS) is None


def test_several_proposals_are_one_to_paste_unless_two_are_for_the_same_role(tmp_path: Path) -> None:
    events = proposals.memberships("events", Kind.MEMBERSHIP, a_sample([flat(n) for n in range(40)]), NOW_MS)
    people, more = (proposals.profiles(name, a_sample([{"data": {"a": 1}}]), NOW_MS) for name in ("people", "more"))
    assert events is not None
    assert people is not None
    assert more is not None
    one = proposals.combined([people.yaml, events.yaml, more.yaml])

    assert one is not None
    (tmp_path / "streams.yaml").write_text(one)
    assert [*inputs_of(load(tmp_path / "streams.yaml", {}))] == ["events", "people", "more"]
    assert proposals.combined([events.yaml, events.yaml]) is None
    assert proposals.combined([events.yaml, "inputs:\n  exits: left"]) is None


def test_names_that_are_somebodys_data_are_never_proposed() -> None:
    records = a_sample([{f"segment-of-user{n}": "s", "ada@example.com": {"segment": "s"}} for n in range(20)])

    assert proposals.memberships(TOPIC, Kind.MEMBERSHIP, records, NOW_MS) is None


@pytest.mark.parametrize(
    ("make", "lines"),
    [
        (lambda n: {"person": {"name": "x", "id": n}}, ["identities: {id: $.person.id}"]),
        (
            lambda n: {"data": {"customerId": f"c{n}", "plan": "gold"}, "v": 1},
            ["attributes: $.data", "identities: {customerId: $.data.customerId}"],
        ),
        (lambda n: {"payload": {"after": {"plan": "gold"}}, "op": "u"}, ["attributes: $.payload.after"]),
        (lambda n: {"identityMap": {"ecid": [{"id": str(n)}]}, "id": n}, []),
    ],
)
def test_profiles_are_proposed_with_their_envelope_and_ids(make: Any, lines: list[str], tmp_path: Path) -> None:
    records = a_sample([make(n) for n in range(30)])
    proposal = proposals.profiles(TOPIC, records, NOW_MS)

    assert proposal is not None
    assert [line.strip() for line in proposal.yaml.splitlines()] == [
        "inputs:",
        "profiles:",
        f"- topic: {TOPIC}",
        *lines,
    ]
    (tmp_path / "streams.yaml").write_text(f"{proposal.yaml}\n  memberships: m\n")
    pasted = inputs_of(load(tmp_path / "streams.yaml", {}))[TOPIC]
    assert proposals.decoded(pasted, records, NOW_MS) == len(records)
