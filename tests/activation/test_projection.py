from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.activation.events import Status
from streams.activation.profiles import EXITED_KEPT_MS, MembershipSlot
from streams.activation.projection import Projection
from streams.destinations import Segment
from streams.exports import Position
from tests.records import NOW_MS, Life, a_destination, a_fragment, a_membership, an_activation, an_attribute

NAMES = ["a", "b", "c"]
paths = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2).map(tuple)


def a_slot(status: Status = Status.REALIZED, age_ms: int = 0) -> MembershipSlot:
    return MembershipSlot(status, 1_590_442_653_000_000, Position("q", 0, 0, NOW_MS - age_ms))


def body(destination: Any, slots: dict[str, MembershipSlot], *, changed: tuple[tuple[str, str], ...] = ()) -> Any:
    projection = Projection(destination)
    values = [None] * len(projection.attributes)
    text, _ = projection.body(values, {"ups": slots}, None, changed=changed, now_ms=NOW_MS)
    return json.loads(text)


@settings(deadline=None)
@given(
    st.lists(paths, max_size=4, unique=True),
    st.sets(st.sampled_from(NAMES)),
    st.sampled_from(["omit", "null"]),
    st.sampled_from(["newest", "precedence"]),
)
def test_nothing_unmapped_ever_leaves(sources: list[Any], segments: set[str], absent: Any, merge: Any) -> None:
    attributes = [an_attribute(".".join(path), f"t{number}") for number, path in enumerate(sources)]
    destination = a_destination(segments=sorted(segments), attributes=attributes, absent=absent)
    life = Life(an_activation(destination, merge=merge))
    tree = {name: {below: f"at {name}.{below} in %s" for below in NAMES} for name in NAMES}
    for source in ("profiles", "loyalty"):
        life.take(
            source,
            a_fragment(**json.loads(json.dumps(tree).replace("%s", source)), segmentMembership={"ups": {"z": 1}}),
        )
    for segment in NAMES:
        life.take("qualifications", a_membership(segment))

    for export in life.exports:
        members = json.loads(export.body)
        assert set(members.pop("segmentMembership")["ups"]) <= segments
        for number, path in enumerate(sources):
            value = members.pop(f"t{number}")
            found = value.values() if isinstance(value, dict) else [value]
            assert all(text.startswith(f"at {'.'.join(path)}") for text in found)
        assert members == {}
    assert bool(life.exports) is bool(segments)


def test_memberships_go_in_the_order_in_which_the_destination_names_its_segments() -> None:
    many = {name: a_slot() for name in "xyzabc"}

    assert list(body(a_destination(segments=["c", "a", "b"]), many)["segmentMembership"]["ups"]) == ["c", "a", "b"]
    few = {name: a_slot() for name in "ba"}
    assert list(body(a_destination(segments=["c", "a", "b"]), few)["segmentMembership"]["ups"]) == ["a", "b"]


def test_an_exit_stays_in_the_exports_for_thirty_days() -> None:
    slots = {
        "a": a_slot(Status.EXITED, EXITED_KEPT_MS),
        "b": a_slot(Status.EXITED, EXITED_KEPT_MS + 1),
        "c": a_slot(Status.REALIZED, 10 * EXITED_KEPT_MS),
    }
    destination = a_destination(segments=["a", "b", "c"])

    assert set(body(destination, slots)["segmentMembership"]["ups"]) == {"a", "c"}
    assert set(body(destination, slots, changed=(("ups", "b"),))["segmentMembership"]["ups"]) == {"a", "b", "c"}


@pytest.mark.parametrize(("status", "left"), [("alpha", "existing"), ("ga", "realized")])
def test_a_status_leaves_in_the_destinations_vocabulary(status: Any, left: str) -> None:
    destination = a_destination(segments=["a", "b"], status=status)

    found = body(destination, {"a": a_slot(Status.EXISTING), "b": a_slot(Status.EXITED)})["segmentMembership"]["ups"]

    assert (found["a"]["status"], found["b"]["status"]) == (left, "exited")


NAMED = [
    Segment("a", name='Read"ers', created_at=1, updated_at=2, mapping_created_at=3, mapping_updated_at=4),
    Segment("b", updated_at=5, mapping_updated_at=6),
    Segment("c"),
]
TIMES = {"createdAt": 1, "updatedAt": 2, "mappingCreatedAt": 3, "mappingUpdatedAt": 4}


@pytest.mark.parametrize("timestamps", [False, True])
@pytest.mark.parametrize("names", [False, True])
def test_a_membership_says_of_its_segment_what_is_wanted_and_known(names: bool, timestamps: bool) -> None:
    destination = a_destination(segments=NAMED, include_segment_names=names, include_segment_timestamps=timestamps)
    plain = {
        status: {"lastQualificationTime": "2020-05-25T21:37:33Z", "status": status.value}
        for status in (Status.REALIZED, Status.EXITED)
    }

    for status, entry in plain.items():
        found = body(destination, {segment: a_slot(status) for segment in "abcd"})["segmentMembership"]["ups"]
        assert found["a"] == entry | (TIMES if timestamps else {}) | ({"name": 'Read"ers'} if names else {})
        assert found["b"] == entry | ({"updatedAt": 5, "mappingUpdatedAt": 6} if timestamps else {})
        assert found["c"] == entry
        assert list(found) == ["a", "b", "c"]


def test_the_body_says_whether_it_says_in() -> None:
    projection = Projection(a_destination(segments=["a", Segment("b", "other")], attributes=[]))
    gone, there = a_slot(Status.EXITED), a_slot()

    for memberships, inside in (
        ({"ups": {"a": gone, "z": there}}, False),
        ({"ups": {"a": there}}, True),
        ({"ups": {"a": gone, "b": there}}, False),
        ({"ups": {"a": gone}, "other": {"b": there}}, True),
    ):
        assert projection.body([], memberships, None, changed=(), now_ms=NOW_MS)[1] is inside


@pytest.mark.parametrize(
    "attributes",
    [
        [an_attribute("a", "x"), an_attribute("b", "x")],
        [an_attribute("a", "x"), an_attribute("b", "x.y")],
        [an_attribute("a", "x.y"), an_attribute("b", "x")],
        [an_attribute("a", "segmentMembership")],
        [an_attribute("a", "identityMap.ecid")],
    ],
)
def test_attributes_that_collide_in_the_body_are_refused(attributes: Any) -> None:
    with pytest.raises(ValueError, match=r"target|no attribute"):
        Projection(a_destination(attributes=attributes))


def test_templates_are_bounded() -> None:
    attributes = [f"a{number}" for number in range(11)]
    projection = Projection(a_destination(attributes=attributes))

    for mask in range(2**11):
        values = [str(place).encode() if mask >> place & 1 else None for place in range(11)]
        text, _ = projection.body(values, {}, None, changed=(), now_ms=NOW_MS)

        wanted = {f"a{place}": place for place in range(11) if mask >> place & 1}
        assert json.loads(text) == wanted | {"segmentMembership": {}}
    assert len(projection._mapped._templates) <= 1_024
